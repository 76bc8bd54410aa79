// Computes how much training fits into a given time.
#pragma once
#include <filesystem>
#include <vector>

#include "tasks/reproduce/job.h"

namespace stillpoint {

// Shares `total` equally, but gives nobody more than wanted; the others share what is left. Returns the share
// of those that get less than they want, or infinity if all get what they want.
double fair_share(std::vector<double> wanted, double total);

// Returns the seconds of an epoch of the job on this machine without evaluations, measured on training steps
// in `scratch`, which it removes afterwards. Throws Error if the task's data are missing.
double seconds_per_epoch(const Job& job, Device device, const std::filesystem::path& scratch);

}  // namespace stillpoint

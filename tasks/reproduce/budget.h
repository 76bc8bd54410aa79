// How much training fits into a given time.
#pragma once
#include <filesystem>
#include <vector>

#include "tasks/reproduce/job.h"

namespace stillpoint {

// Equal shares of `total`, none larger than what is wanted; what small ones leave is shared by the others.
// The share of those that get less than they want; infinite where all get what they want.
double fair_share(std::vector<double> wanted, double total);

// Seconds of an epoch of the job on this machine, evaluations left out, from steps of training in `scratch`,
// which is removed again. Error where the task cannot be made, for want of its data.
double seconds_per_epoch(const Job& job, Device device, const std::filesystem::path& scratch);

}  // namespace stillpoint

// Writes a reproduced table beside the paper's.
#pragma once
#include <filesystem>
#include <vector>

#include "tasks/reproduce/job.h"

namespace stillpoint {

// Reads the finished jobs and writes TABLE.md and TABLE.json to the folder: per cell the paper's value, ours,
// the number of runs, their epochs as a share of the paper's, time, command. Returns the Markdown.
std::string write_table(const PaperTable& table, const std::vector<Job>& jobs,
                        const std::filesystem::path& folder);

}  // namespace stillpoint

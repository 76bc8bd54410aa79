// Turns names and lists of sizes into the settings of rows.
#pragma once
#include "tasks/bench/measure.h"

namespace stillpoint::bench {

// What the command line asks for. An empty list: each workload's own size, or the process's usual.
struct Sweep {
  std::vector<std::string> patterns = {};  // shell patterns of names
  std::vector<Index> batch = {}, length = {}, width = {}, evaluations = {};
  std::vector<double> tolerance = {};
  std::vector<std::string> solvers = {}, precisions = {};
  std::vector<int> threads = {};
};

// Returns the workloads that a pattern matches, in the table's order. Throws Error if a pattern matches none.
std::vector<const Workload*> chosen(const std::vector<std::string>& patterns);

// Returns a setting for each combination; a workload ignores sizes that it does not follow. Throws Error if
// no chosen workload follows a size that is swept.
std::vector<Setting> settings_of(const Sweep& sweep, Device device);

// "batch 10, 2 threads, bf16": the sizes that the workload follows.
std::string words_of(const Axes& axes, const Sizes& sizes);

}  // namespace stillpoint::bench

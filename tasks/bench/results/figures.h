// Draws the figures of `stillpoint bench --out`.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/bench/results/row.h"

namespace stillpoint::bench {

// Writes to `folder`, and returns the names of what it wrote:
// roofline.svg: GFLOP/s against operations a byte, a point for each row that does arithmetic, and the roofs;
// batch.svg: examples a second of training steps against the batch, a panel per task and a line per model;
// memory.svg: the same lines with the largest memory.
// A figure without a row to show is not written.
std::vector<std::string> write_figures(const Document& document, const std::filesystem::path& folder);

}  // namespace stillpoint::bench

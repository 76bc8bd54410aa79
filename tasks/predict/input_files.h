// Finds the files that the inputs of `predict` stand for, and reads numbers from them.
#pragma once
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

// PATH_MAX, so that file names stay whole in output that programs read.
inline constexpr std::size_t longest_path = 4096;

// Returns the files themselves, all files below folders, those that patterns match, and `-`, which
// stands for standard input and may be given once. Throws Error if a folder has no files.
std::vector<std::string> input_files(const std::vector<std::string>& inputs);

// Returns the rows of a .npy file of one or two axes, or of a CSV file, as float64 (rows, columns). Throws
// Error if the file has another shape, no number, or one that is not finite.
Tensor number_rows(const std::string& file);

}  // namespace stillpoint

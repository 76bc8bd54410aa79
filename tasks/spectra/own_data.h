// Reads trajectories and matrices of the user's own systems from CSV and .npy files.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

// Returns trajectories (times,d) in float64, all of one width d.
// .npy: (times,d) is one trajectory, (n,times,d) are n. CSV: a row per time and a column per coordinate, with
// or without a row of names. Rows with equal values in a column `trajectory` are one trajectory; without it
// the file is one. A column `time` is not a coordinate; its steps have to be equal.
// Throws Error, with the file and the place, if rows differ in length, a value is not a finite number, files
// differ in width, or a trajectory has fewer than two times.
std::vector<Tensor> read_trajectories(const std::vector<std::string>& files);

// Returns a square matrix of finite numbers, from .npy or from CSV without names. Throws Error if the file
// holds something else.
Tensor read_square_matrix(const std::string& file);

}  // namespace stillpoint

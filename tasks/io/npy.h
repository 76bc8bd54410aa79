// Writes arrays as NumPy's .npy files.
#pragma once
#include <filesystem>

#include "engine/tensor.h"

namespace stillpoint {

// Writes float64, in rows. Throws Error if the file cannot be written.
void write_npy(const std::filesystem::path& path, const Tensor& array);
// Writes complex128.
void write_npy(const std::filesystem::path& path, const Tensor& real, const Tensor& imaginary);

}  // namespace stillpoint

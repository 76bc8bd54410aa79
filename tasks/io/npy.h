// Writes and reads arrays as NumPy's .npy files.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/tensor.h"
#include "tasks/io/tables/npy_view.h"

namespace stillpoint {

// Writes float64, in rows. Throws Error if the file cannot be written.
void write_npy(const std::filesystem::path& path, const Tensor& array);
// Writes complex128.
void write_npy(const std::filesystem::path& path, const Tensor& real, const Tensor& imaginary);

// Returns the elements as float64; throws Error as NpyView does.
Tensor parse_npy(const std::string& where, std::string_view bytes);

}  // namespace stillpoint

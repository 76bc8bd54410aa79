// Writes and reads arrays as NumPy's .npy files.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>

#include "engine/tensor.h"

namespace stillpoint {

// Writes float64, in rows. Throws Error if the file cannot be written.
void write_npy(const std::filesystem::path& path, const Tensor& array);
// Writes complex128.
void write_npy(const std::filesystem::path& path, const Tensor& real, const Tensor& imaginary);

// Whether the bytes of a file begin as such a file does.
bool is_npy(std::string_view bytes);
// Returns real numbers or integers of any size and byte order as float64. Throws Error, in the name of
// `where`, if the bytes hold something else (objects, records, complex numbers), or are cut off.
Tensor parse_npy(const std::string& where, std::string_view bytes);

}  // namespace stillpoint

// Begins a run with the weights of another one, or of any safetensors file.
#pragma once
#include <filesystem>
#include <string>

#include "engine/params.h"

namespace stillpoint {

// Overwrites the parameters and buffers that a run folder or a safetensors file has under the same name
// (`model/NAME` or `NAME`) with the same shape, converted from any type of floating-point numbers. Returns
// lines that say how many these are, and name the others and those of the file that are not used. Throws
// Error if none fits.
std::string load_initial_weights(const std::filesystem::path& from, const ParamList& params);

}  // namespace stillpoint

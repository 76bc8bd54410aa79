// Checkpoints: parameters, buffers, optimiser state and a JSON record in one safetensors file.
#pragma once
#include <filesystem>
#include <vector>

#include "engine/config.h"
#include "engine/io/safetensors.h"
#include "engine/optim.h"

namespace stillpoint {

// Writes tensors to a safetensors file, from any device.
void save_tensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                  const SafetensorsMetadata& metadata = {}, const SafetensorsOptions& options = {});

// Writes tensors as "model/<name>" (parameters and buffers) and "optimiser/<m|v>/<name>", and `record` (task,
// configuration, step, metrics, ...) as the metadata entry "stillpoint", atomically. Python can read the
// file: safetensors.torch.load_file(path). A sum over the whole file guards it, and the record says that
// there is one. With `keep` the previous checkpoint stays under that name.
void save_checkpoint(const std::filesystem::path& path, const ParamList& params, const Optimiser* optimiser,
                     const Json& record, const std::filesystem::path& keep = {});

// Returns the record of a checkpoint once it has checked the sum over the file. Throws Error if the file is
// damaged or no checkpoint of this program. It reads old checkpoints, which have no sum, without one.
Json read_checkpoint_record(const std::filesystem::path& path);

// Overwrites parameters, buffers and (if given) the optimiser's state. Throws Error, before anything is
// overwritten, if a tensor is missing, left over, or has another shape or dtype.
void load_checkpoint(const std::filesystem::path& path, const ParamList& params, Optimiser* optimiser);

}  // namespace stillpoint

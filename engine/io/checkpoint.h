// Checkpoints: parameters, buffers, optimiser state and a JSON record in one safetensors file.
#pragma once
#include <filesystem>
#include <vector>

#include "engine/config.h"
#include "engine/optim.h"

namespace stillpoint {

// Tensors are stored under "model/<name>" (parameters and buffers) and "optimiser/<m|v>/<name>"; `record`
// (task, configuration, step, metrics, ...) is the metadata entry "stillpoint". Written atomically. Readable
// from Python: safetensors.torch.load_file(path). A sum over the whole file guards it, which the record says
// it has. With `keep` the checkpoint before stays under that name.
void save_checkpoint(const std::filesystem::path& path, const ParamList& params, const Optimiser* optimiser,
                     const Json& record, const std::filesystem::path& keep = {});

// The record of a checkpoint, once the sum over the file is proved; Error where the file is damaged or no
// checkpoint of this program. Checkpoints of before there were sums are read without one.
Json read_checkpoint_record(const std::filesystem::path& path);

// Overwrites parameters, buffers and (where given) the optimiser's state. Error, before anything is
// overwritten, where a tensor is missing, left over, or of another shape or dtype.
void load_checkpoint(const std::filesystem::path& path, const ParamList& params, Optimiser* optimiser);

}  // namespace stillpoint

// Writes all that another program needs to compute a training step again.
#pragma once
#include <filesystem>

#include "tasks/training/task.h"

namespace stillpoint {

// Computes loss and gradients of the step, changes neither weights nor buffers, and writes a safetensors
// file: "weight/NAME", "buffer/NAME", "batch/0" and on, "loss", "gradient/NAME", "output" (logits or
// colours), "equilibrium", and "forward" and "adjoint": residuals (steps,samples) of the solves. Its metadata
// entry "stillpoint" has the task, the step and the settings. Tasks without a model of a family have no
// output.
void write_step(Task& task, Index step, Device device, const Json& settings, const std::string& task_name,
                const std::filesystem::path& path);

}  // namespace stillpoint

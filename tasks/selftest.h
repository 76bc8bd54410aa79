// What a user runs first on a new machine: every op and every model against references, and how fast they
// are.
#pragma once
#include <ostream>

#include "kernels/communicator.h"
#include "tasks/registry.h"

namespace stillpoint {

// The first `steps` training steps of a task from its seed.
struct FirstSteps {
  std::vector<double> losses, grad_norms;
  Index replays = 0;        // steps replayed from a CUDA graph
  double milliseconds = 0;  // median of the steps after the first three
};
// `group`: ranks that take them together.
FirstSteps first_steps(const TaskKind& kind, const Json& config, Device device, Index steps,
                       bool recorded = true, kernels::Communicator& group = kernels::Communicator::alone());

// Checks, on `device`: every row of the op table (values against its oracle, gradients against float64 on the
// CPU); the first steps of every model against the CPU and, on a GPU, recorded against unrecorded steps,
// which have to be equal; then, where `timing`, times a step of every model at the paper's sizes. Prints a
// line per check; returns whether all passed.
bool selftest(Device device, bool timing, std::ostream& out);

}  // namespace stillpoint

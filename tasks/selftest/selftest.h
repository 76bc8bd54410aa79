// What a user runs first on a new machine: every op and every model against references, and how fast they
// are.
#pragma once
#include <ostream>

#include "kernels/gemm/gemm.h"
#include "kernels/group/communicator.h"
#include "tasks/settings/registry.h"

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

struct SelftestRequest {
  Device device = Device::cpu;
  kernels::Precision precision = kernels::Precision::float32;  // of products
  std::string only = "*";                                      // shell pattern of what is checked and timed
  bool timing = true;
  bool json = false;  // an object per line in place of words
};
// Checks, on a device: every row of the op table (values against its oracle, gradients against float64 on the
// CPU, NaN in, NaN out); the first steps of every model against the CPU and, on a GPU, recorded against
// unrecorded steps, which have to be equal; then times a step of every model at the paper's sizes. Prints a
// line per check, whatever the others do; returns whether all passed. Throws an Error where nothing fits
// `only`.
bool selftest(const SelftestRequest& request, std::ostream& out);

// Takes a step of every model at the paper's sizes on CUDA and prints what cuDNN and cublasLt chose for each
// of its products and convolutions.
void print_plans(kernels::Precision precision, std::ostream& out);

}  // namespace stillpoint

// The self-test for a new machine: checks every op and every model against references, and times them.
#pragma once
#include <ostream>

#include "kernels/gemm/gemm.h"
#include "kernels/group/communicator.h"
#include "tasks/settings/registry.h"

namespace stillpoint {

// The result of a task's first training steps from its seed.
struct FirstSteps {
  std::vector<double> losses, grad_norms;
  Index replays = 0;        // steps replayed from a CUDA graph
  double milliseconds = 0;  // median of the steps after the first three
};
// Takes the first `steps` training steps of a task; the ranks of `group` take them together.
FirstSteps first_steps(const TaskKind& kind, const Json& config, Device device, Index steps,
                       bool recorded = true, kernels::Communicator& group = kernels::Communicator::alone());

struct SelftestRequest {
  Device device = Device::cpu;
  kernels::Precision precision = kernels::Precision::float32;  // of products
  std::string only = "*";                                      // shell pattern of checks and times
  bool timing = true;
  bool json = false;  // print an object per line instead of words
};
// Checks on a device: every row of the op table (values against its oracle, gradients against float64 on the
// CPU, NaN in, NaN out); and the first steps of every model against the CPU and, on a GPU, recorded against
// unrecorded steps, which must be equal. Then times a step of every model at the paper's sizes. Prints a line
// per check, even if others fail. Returns whether all passed. Throws Error if nothing matches `only`.
bool selftest(const SelftestRequest& request, std::ostream& out);

struct PlansRequest {
  kernels::Precision precision = kernels::Precision::float32;
  std::string only = "*";                     // shell pattern of models, as in "TASK MODEL"
  std::vector<std::string> assignments = {};  // settings that differ from the paper's, as in "batch=64"
};
// Takes a step of every model that is asked for on CUDA. Prints what cuDNN and cublasLt chose for each
// product and convolution that no earlier model had, even if another model fails. Returns whether all steps
// ended. Throws Error if nothing matches `only`.
bool print_plans(const PlansRequest& request, std::ostream& out);

}  // namespace stillpoint

// The workloads of the benches: models of the paper at its sizes, and the measured peak of the machine.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/optim.h"

namespace stillpoint {

// One training step: loss, gradients, clipping if the paper clips, Adam.
struct Workload {
  std::string name;
  Index batch = 1;
  Index parameters = 0;
  double flops = 0;  // executed in one step: a multiply-add counts two, a tap outside the sequence none
  double nominal_flops = 0;      // the same step without folding
  std::function<double()> step;  // returns the loss
};

std::vector<std::string> workload_names();
Workload make_workload(const std::string& name);

// Returns the largest GFLOP/s over repeated float32 products of 1536^3 with all threads (by oneDNN, or by the
// project's own matrix product).
double measured_gemm_peak();

}  // namespace stillpoint

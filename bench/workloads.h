// The workloads of the benches: models of the paper at its sizes, and the machine's measured peaks.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/optim.h"

namespace stillpoint {

// One training step: loss, gradients, clipping where the paper clips, Adam.
struct Workload {
  std::string name;
  Index batch = 1;
  Index parameters = 0;
  double flops = 0;  // of one step as executed: multiply-adds count two, taps outside the sequence none
  double nominal_flops = 0;      // of the same step without folding
  std::function<double()> step;  // returns the loss
};

std::vector<std::string> workload_names();
Workload make_workload(const std::string& name);

// Largest GFLOP/s over repeated float32 products of 1536^3 with all threads (oneDNN, or the project's own).
double measured_gemm_peak();

}  // namespace stillpoint

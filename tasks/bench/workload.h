// What `stillpoint bench` measures: named workloads, made at the sizes that a sweep asks for.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/params.h"
#include "engine/tensor.h"
#include "kernels/gemm/gemm.h"
#include "models/cost/cost.h"

namespace stillpoint::bench {

// The sizes of one row. In a request, 0 and "" mean the workload's own.
struct Sizes {
  Index batch = 0;        // examples of a call: sequences, images or pixels
  Index length = 0;       // positions of a sequence, side of an image or picture
  Index width = 0;        // features: channels of a lift, columns of a matrix
  Index evaluations = 0;  // of f, forward and backward each, if `tolerance` is 0
  double tolerance = 0;   // at which the solves end; 0: after `evaluations`
  std::string solver = {};
  bool operator==(const Sizes&) const = default;
};

// The work of one call, from shapes. A multiply-add is two operations.
struct Work {
  double flops = 0;          // what is executed: products with a border of zeros do not count
  double nominal_flops = 0;  // the same call as the paper's formulas state it, without folding
  double bytes = 0;          // the least that memory has to move: each array read or written once
};

// A workload at one size on one device, ready to run.
struct Call {
  Work work;
  Index examples = 1;
  Index parameters = 0;
  // Host work before each run that a CUDA graph cannot hold, such as Optimiser::begin_step; may be empty.
  std::function<void()> before = {};
  std::function<void()> run;                 // once; on CUDA it only queues work, which a graph may record
  std::function<double()> loss = {};         // of the latest run; empty if it has none
  std::function<Evaluations()> solved = {};  // by the latest run; empty without a solver
  // What a peer needs to compute the same: parameters by name, and the data as "x" and "y". Empty unless the
  // workload is a training step.
  std::vector<NamedTensor> state = {};
};

// Which sizes a workload follows; a sweep over another one is an error.
struct Axes {
  bool batch = false, length = false, width = false, evaluations = false;
  std::vector<std::string> solvers = {};  // empty: it has none
};

struct Workload {
  std::string name;     // op/softplus, op/softplus/gradient, kernel/history, step/copy-memory/sim-single
  std::string summary;  // one line for --list
  Sizes usual;          // of the paper
  Axes axes;
  // The SIM whose time at the same batch divides this row's, for the factor DEQ : SIM; empty: none.
  std::string sim = {};
  std::function<Call(const Sizes&, Device)> make;  // sizes are complete; uses kernels::precision()
};

// All workloads, in the order in which a table shows them.
const std::vector<Workload>& workloads();

}  // namespace stillpoint::bench

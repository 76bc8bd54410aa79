// Operator splitting for z = sigma(W z + b), W with (1-m) I - (W + W^T)/2 positive semidefinite, m > 0, and
// for the adjoint of its solution (Winston, Kolter 2020). Unlike the solvers of z = f(z), all samples share
// one iteration: its relative residual is that of the batch.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "solvers/fixed_point/fixed_point.h"

namespace stillpoint {

// A state of one part per tier. Solvers keep each as (places,channels,samples): products over channels and
// transforms over places then run along contiguous samples.
using Parts = std::vector<Tensor>;

class SplittingOperator {
 public:
  virtual ~SplittingOperator() = default;
  // W z, or W^T z.
  virtual Parts apply(const Parts& z, bool transposed) const = 0;
  // V r with V = (I + a (I - W))^{-1} for the step size a that it was made for, or V^T r.
  virtual Parts resolve(const Parts& r, bool transposed) const = 0;
  // Edge of a part's square image, on whose frame sigma is 0; 1: the part is no image.
  virtual Index side(std::size_t part) const = 0;
};

enum class SplittingMethod {
  forward_backward,   // z <- sigma((1-a) z + a (W z + b)); converges for small a, surely below 2 m / ||I -
                      // W||^2
  peaceman_rachford,  // u' = 2 z - u, v = V (u' + a b), u = 2 v - u', z = sigma(u); converges for every a > 0
};
// "forward-backward" or "peaceman-rachford"; Error for another name.
SplittingMethod splitting_method_named(const std::string& name);

struct SplittingOptions {
  SplittingMethod method = SplittingMethod::peaceman_rachford;
  double alpha = 1;         // step size a
  double tolerance = 1e-2;  // of sum over parts ||z' - z|| / (1e-6 + ||z'||)
  Index max_iterations = 300;
  double divergence = 1e6;  // ends where the iterate is longer than this times its first
  // Iterations after which the host asks whether to go on, 0: never; nothing changes after the end.
  Index check_every = 1;
};

struct SplittingSolution {
  Parts z;
  PendingReport report;  // of one "sample": the batch; its residual is that of the last iteration
};

// From z = 0; records nothing.
SplittingSolution solve_splitting(const SplittingOperator& w, const Parts& b,
                                  const SplittingOptions& options);
// u = D (g + W^T u) with D = 1[z > 0]: the cotangent of W z + b where g is that of z.
SplittingSolution solve_splitting_adjoint(const SplittingOperator& w, const Parts& z, const Parts& g,
                                          const SplittingOptions& options);

// The step size to go on with: halves it from `largest` while a solve does not take more iterations than the
// one before and it is above 1e-4, and takes the best; `current` where even that needs `max_iterations`.
double tuned_step_size(double current, Index max_iterations,
                       const std::function<Index(double alpha)>& iterations, double largest = 1);

// (samples,channels,side,side) or (samples,channels) <-> (places,channels,samples); `like` names the former's
// shape.
Tensor to_places(const Tensor& x);
Tensor from_places(const Tensor& z, const Shape& like);

}  // namespace stillpoint

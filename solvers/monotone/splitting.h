// Operator splitting for z = sigma(W z + b) and the adjoint of its solution, for a W with (1-m) I - (W +
// W^T)/2 positive semidefinite, m > 0 (Winston, Kolter 2020). Unlike in the solvers of z = f(z), all samples
// share one iteration, whose relative residual is that of the batch.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "solvers/fixed_point/fixed_point.h"

namespace stillpoint {

// A state, one part per tier. Solvers keep each part as (places,channels,samples), so that products over
// channels and transforms over places run along contiguous samples.
using Parts = std::vector<Tensor>;

class SplittingOperator {
 public:
  virtual ~SplittingOperator() = default;
  // Returns W z, or W^T z if transposed.
  virtual Parts apply(const Parts& z, bool transposed) const = 0;
  // Returns V r, or V^T r if transposed. V = (I + a (I - W))^{-1} for the operator's step size a.
  virtual Parts resolve(const Parts& r, bool transposed) const = 0;
  // Returns the side of a part's square image, on whose frame sigma is 0, or 1 if the part is not an image.
  virtual Index side(std::size_t part) const = 0;
};

enum class SplittingMethod {
  forward_backward,   // z <- sigma((1-a) z + a (W z + b)); converges for a < 2 m / ||I - W||^2, and often for
                      // larger a
  peaceman_rachford,  // u' = 2 z - u, v = V (u' + a b), u = 2 v - u', z = sigma(u); converges for every a > 0
};
// Accepts "forward-backward" and "peaceman-rachford". Throws Error for any other name.
SplittingMethod splitting_method_named(const std::string& name);

struct SplittingOptions {
  SplittingMethod method = SplittingMethod::peaceman_rachford;
  double alpha = 1;         // step size a
  double tolerance = 1e-2;  // bound for the sum over parts of ||z' - z|| / (1e-6 + ||z'||)
  Index max_iterations = 300;
  double divergence = 1e6;  // stops if the norm of the iterate exceeds this times the norm of the first one
  // The host asks every so many iterations whether to stop; 0: never. After a stop nothing changes.
  Index check_every = 1;
  bool adjoint_product =
      false;  // the adjoint returns D (g + W^T u) of its last u: the same once it has converged
};

struct SplittingSolution {
  Parts z;
  PendingReport report;  // has one "sample", the batch; its residual is that of the last iteration
};

// Solves z = sigma(W z + b) from z = 0, and records nothing.
SplittingSolution solve_splitting(const SplittingOperator& w, const Parts& b,
                                  const SplittingOptions& options);
// Solves u = D (g + W^T u) with D = 1[z > 0]. u is the cotangent of W z + b if g is the cotangent of z.
SplittingSolution solve_splitting_adjoint(const SplittingOperator& w, const Parts& z, const Parts& g,
                                          const SplittingOptions& options);

// Returns the step size to continue with. Halves it from `largest` while it is above 1e-4 and a solve takes
// no more iterations than the one before, and returns the best; returns `current` if even the best needs
// `max_iterations`.
double tuned_step_size(double current, Index max_iterations,
                       const std::function<Index(double alpha)>& iterations, double largest = 1);

// (samples,channels,side,side) or (samples,channels) <-> (places,channels,samples); `like` names the former's
// shape.
Tensor to_places(const Tensor& x);
Tensor from_places(const Tensor& z, const Shape& like);

}  // namespace stillpoint

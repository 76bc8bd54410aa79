// Fixed points z = f(z): one iteration loop for every method, with a report of what it did.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "kernels/root_solver/root_state.h"

namespace stillpoint {

// f of z = f(z); its value has the shape of z, whose first axis counts samples that do not depend on each
// other.
using FixedPointMap = std::function<Tensor(const Tensor& z)>;

using kernels::SampleStatus;

struct SolveOptions {
  Index max_steps = 30;     // evaluations of f, whatever the method
  double tolerance = 1e-3;  // per sample
  bool relative = false;    // ||f(z) - z|| / (||f(z)|| + 1e-9) instead of ||f(z) - z||
  double divergence = 1e5;  // a sample ends where its residual is above this times its first
  Index check_every = 1;    // steps after which the host asks whether all samples have stopped; 0: it never
                            // waits, and all max_steps are taken (samples that have stopped stay as they are)
};

struct SampleReport {
  SampleStatus status = SampleStatus::running;  // running: the budget ended first
  Index steps = 0;                              // evaluations of f that it took part in
  double residual = 0;                          // the lowest, at the iterate that is returned
};

// Logged, and asserted in tests. Nothing that is not finite is hidden: its sample says so.
struct SolveReport {
  Index steps = 0;         // evaluations of f
  bool converged = false;  // every sample
  double residual = 0;     // the largest of the samples' lowest; infinite where f was never evaluated
  std::vector<SampleReport> samples;
  std::vector<double> trace;  // (steps, samples); a sample that has stopped keeps its lowest residual
};
// `12 steps, residual 3.1e-04, 7 of 8 samples converged, 1 not finite`
std::string to_text(const SolveReport& report);

// A report that is still on its device: reading it waits for the solve. Where a CUDA graph recorded the solve
// it tells of the latest replay.
class PendingReport {
 public:
  PendingReport() = default;
  explicit PendingReport(Index steps) : steps_(steps) {}
  // status and taken int32 (samples), lowest (samples), trace (steps or more, samples)
  PendingReport(Index steps, Tensor status, Tensor taken, Tensor lowest, Tensor trace)
      : steps_(steps), status_(status), taken_(taken), lowest_(lowest), trace_(trace) {}
  Index steps() const { return steps_; }
  SolveReport read() const;

 private:
  Index steps_ = 0;  // evaluations of f
  Tensor status_, taken_, lowest_, trace_;
};

struct Solution {
  Tensor z;  // per sample the iterate of the lowest residual, or z0 where none was finite; without history
  SolveReport report;
};
struct PendingSolution {
  Tensor z;
  PendingReport report;
};

// Proposes the next iterate from z and f(z); has a memory of one solve.
class SolveMethod {
 public:
  virtual ~SolveMethod() = default;
  // A tensor of its own: solve writes to it where a sample has stopped.
  virtual Tensor next(const Tensor& z, const Tensor& f) = 0;
  // (I - J^T)^{-1} g for the Jacobian J of f by what the method has learnt of it; undefined where it learns
  // nothing.
  virtual Tensor adjoint_estimate(const Tensor& /*g*/) const { return {}; }
};

// z + b (f - z); f itself where b is 1.
Tensor damped(const Tensor& z, const Tensor& f, double b);

struct PicardOptions {
  double damping = 1;  // z + damping (f(z) - z)
};
std::unique_ptr<SolveMethod> picard(const PicardOptions& options = {});

// Windowed Anderson acceleration, X_{k+1} = sum_i alpha_i (X_i + beta G_i) with G_i = f(X_i) - X_i and the
// weights of the least ||sum alpha_i G_i||^2 + lambda ||alpha||^2, sum alpha_i = 1 (Walker, Ni 2011).
struct AndersonOptions {
  Index memory = 6;              // 1 to 16, or an Error
  double regularisation = 1e-4;  // lambda
  bool relative = true;          // times the mean of ||G_i||^2, without which it stalls near the solution
  double beta = 1;
};
std::unique_ptr<SolveMethod> anderson(const AndersonOptions& options = {});

// Broyden's good method for g(z) = f(z) - z, per sample, with the inverse Jacobian -I + U V^T
// (Broyden 1965; low rank as in Bai, Kolter, Koltun 2019).
// After `memory` updates it starts again from -I. With a line search a sample goes on from a point only where
// that has lowered ||g||^2 as Armijo asks, and otherwise tries a shorter step from the point before, at most
// down to a hundredth (Dennis, Schnabel 1996, algorithm A6.3.1); every trial is a step of the solve.
struct BroydenOptions {
  Index memory = 30;  // 1 or more, or an Error
  bool line_search = false;
};
std::unique_ptr<SolveMethod> broyden(const BroydenOptions& options = {});

// For an affine f(u) = A u + g: the least residual over the Krylov space of I - A, per sample (GMRES in its
// conjugate residual form, with all directions of the last `memory` steps kept; then it starts again from
// where it is). The point that it evaluates lies one plain step beyond the best of the space.
struct GmresOptions {
  Index memory = 30;  // 1 or more, or an Error
};
std::unique_ptr<SolveMethod> gmres(const GmresOptions& options = {});

// From z0 (samples, ...), not empty; records nothing. Error where f's value is not of z's shape, dtype and device.
PendingSolution start_solve(const FixedPointMap& f, const Tensor& z0, SolveMethod& method,
                            const SolveOptions& options = {});
// The same, with the report read.
Solution solve(const FixedPointMap& f, const Tensor& z0, SolveMethod& method,
               const SolveOptions& options = {});

}  // namespace stillpoint

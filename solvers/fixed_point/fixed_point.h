// Solves fixed points z = f(z): one iteration loop serves every method and reports what it did.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/tensor.h"
#include "kernels/root_solver/root_state.h"

namespace stillpoint {

// The f of z = f(z). f(z) has the shape of z; the first axis counts samples that do not depend on each other.
using FixedPointMap = std::function<Tensor(const Tensor& z)>;

using kernels::SampleStatus;

struct SolveOptions {
  Index max_steps = 30;     // evaluations of f, whatever the method
  double tolerance = 1e-3;  // per sample
  bool relative = false;    // ||f(z) - z|| / (||f(z)|| + 1e-9) instead of ||f(z) - z||
  double divergence = 1e5;  // a sample stops if its residual exceeds this times its first residual
  Index check_every = 1;    // the host asks every so many steps whether all samples have stopped; 0: it never
                            // waits, and all max_steps are taken (stopped samples do not change)
};

struct SampleReport {
  SampleStatus status = SampleStatus::running;  // running: max_steps ended the solve first
  Index steps = 0;                              // evaluations of f that the sample took part in
  double residual = 0;                          // of the iterate that is returned
};

// What a solve did. Values that are not finite are never hidden: the status of their sample reports them.
struct SolveReport {
  Index steps = 0;         // evaluations of f
  bool converged = false;  // whether every sample converged
  double residual = 0;     // the largest of the samples'; infinite if f was never evaluated
  std::vector<SampleReport> samples;
  std::vector<double> trace;  // (steps, samples); a stopped sample keeps its best iterate's residual
};
// `12 steps, residual 3.1e-04, 7 of 8 samples converged, 1 not finite`
std::string to_text(const SolveReport& report);

// A report that is still on its device: reading it waits for the solve. If a CUDA graph recorded the solve,
// the report describes the latest replay.
class PendingReport {
 public:
  PendingReport() = default;
  explicit PendingReport(Index steps) : steps_(steps) {}
  // status and taken are int32 (samples), lowest is (2,samples), trace is (steps or more, samples).
  PendingReport(Index steps, Tensor status, Tensor taken, Tensor lowest, Tensor trace)
      : steps_(steps), status_(status), taken_(taken), lowest_(lowest), trace_(trace) {}
  Index steps() const { return steps_; }
  SolveReport read() const;

 private:
  Index steps_ = 0;  // evaluations of f
  Tensor status_, taken_, lowest_, trace_;
};

struct Solution {
  Tensor z;  // per sample the best iterate (kernels::RootState), or z0 if no residual was finite; unrecorded
  SolveReport report;
};
struct PendingSolution {
  Tensor z;
  PendingReport report;
};

// An iterate of a solve, and what its judgement updates.
struct SolvePoint {
  Tensor z = {}, f = {};  // f = f(z)
  Index step = 0;         // counts evaluations of f, from 1
  bool last = false;
  kernels::RootRule rule = {};
  kernels::RootState state = {};
  Array trace = {};  // residuals of this step
  Tensor best = {};  // the best iterate per sample
};

// Proposes iterates. One object serves one solve, whose history it remembers. The solve calls `judge` for
// each point and then, unless it ends there, `advance`.
class SolveMethod {
 public:
  virtual ~SolveMethod() = default;
  // Judges the point: updates its state and its trace.
  virtual void judge(const SolvePoint& at);
  // Writes z to `best` if it is the best iterate so far, and returns the next one, a new tensor,
  // which leaves stopped samples where they are.
  virtual Tensor advance(const SolvePoint& at) = 0;
  // Estimates (I - J^T)^{-1} g from what the method has learnt about the Jacobian J of f. Returns an
  // undefined tensor if it learns nothing.
  virtual Tensor adjoint_estimate(const Tensor& /*g*/) const { return {}; }
};

// z + b (f - z); returns f itself if b is 1.
Tensor damped(const Tensor& z, const Tensor& f, double b);

struct PicardOptions {
  double damping = 1;  // z + damping (f(z) - z)
};
std::unique_ptr<SolveMethod> picard(const PicardOptions& options = {});

// Windowed Anderson acceleration: X_{k+1} = sum_i alpha_i (X_i + beta G_i) with G_i = f(X_i) - X_i and the
// weights that minimise ||sum alpha_i G_i||^2 + lambda ||alpha||^2 under sum alpha_i = 1 (Walker, Ni 2011).
struct AndersonOptions {
  Index memory = 6;              // 1 to 16; throws Error otherwise
  double regularisation = 1e-4;  // lambda
  bool relative = true;          // scales lambda by the mean of ||G_i||^2; else stalls near the solution
  double beta = 1;
};
std::unique_ptr<SolveMethod> anderson(const AndersonOptions& options = {});

// Broyden's good method for g(z) = f(z) - z, per sample, with the inverse Jacobian -I + U V^T
// (Broyden 1965; low rank as in Bai, Kolter, Koltun 2019). After `memory` updates it restarts from -I.
// With a line search, a sample accepts a point only if ||g||^2 has fallen enough by Armijo's condition.
// Otherwise it tries a shorter step from the point before, down to a hundredth of the full one (Dennis,
// Schnabel 1996, algorithm A6.3.1). Every trial counts as a step of the solve.
struct BroydenOptions {
  Index memory = 30;  // 1 or more; throws Error otherwise
  bool line_search = false;
};
std::unique_ptr<SolveMethod> broyden(const BroydenOptions& options = {});

// GMRES for an affine f(u) = A u + g: minimises the residual over the Krylov space of I - A, per sample. It
// has the conjugate residual form and keeps the directions of up to `memory` steps, then restarts from the
// current point. The point at which it evaluates f lies one plain step beyond the best point of the space.
struct GmresOptions {
  Index memory = 30;  // 1 or more; throws Error otherwise
};
std::unique_ptr<SolveMethod> gmres(const GmresOptions& options = {});

// Solves z = f(z) from z0 (samples, ...), which is not empty, and records nothing. Throws Error if f(z) does
// not have the shape, dtype and device of z.
PendingSolution start_solve(const FixedPointMap& f, const Tensor& z0, SolveMethod& method,
                            const SolveOptions& options = {});
// The same, but waits for the solve and reads the report.
Solution solve(const FixedPointMap& f, const Tensor& z0, SolveMethod& method,
               const SolveOptions& options = {});

}  // namespace stillpoint

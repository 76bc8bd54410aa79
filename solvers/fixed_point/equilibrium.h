// Equilibria as values of a graph: z* = f(z*) solved without recording, and a choice of how to differentiate
// it.
#pragma once
#include "solvers/fixed_point/fixed_point.h"

namespace stillpoint {

// - implicit: the implicit function theorem. With g = dL/dz the adjoint u = J^T u + g, J = df/dz at the
//   solution, is solved by a method of its own, and u is what f's parameters and inputs receive (Bai, Kolter,
//   Koltun 2019, theorem 1).
// - phantom: `steps` recorded steps z + damping (f(z) - z) from the solution, differentiated as they are
//   (Geng et al. 2021); one step without damping is the Jacobian-free gradient (Fung et al. 2022).
// - unrolled: the solve itself is `steps` recorded steps of f from z0 without a method: the reference.
// - reversible: the solve itself is `steps` pairs y' = (1-b) y + b f(z), z' = (1-b) z + b f(y') from
//   y = z = z0, with b = damping in (0,1) (McCallum et al. 2025). Backward runs them in reverse and keeps
//   none of them: exact gradients of the pairs in the memory of one. The state has two words, since its
//   rounding grows by 1/(1-b) a step on the way back, and by f's slopes where it reaches f (an Error where it
//   would).
enum class EquilibriumGradient { implicit, phantom, unrolled, reversible };

using MakeMethod = std::function<std::unique_ptr<SolveMethod>()>;

struct EquilibriumOptions {
  MakeMethod forward = [] { return broyden(); };
  SolveOptions solve{};
  EquilibriumGradient gradient = EquilibriumGradient::implicit;
  MakeMethod adjoint = [] { return broyden(); };  // of implicit
  SolveOptions adjoint_solve{.tolerance = 1e-6,
                             .relative = true};  // relative: the scale of the loss does not matter
  // Of implicit: the adjoint starts from the forward method's estimate of (I - J^T)^{-1} g where it has one
  // (Broyden's inverse Jacobian), and is that estimate where adjoint_solve.max_steps is 0.
  bool reuse_inverse = false;
  Index steps = 1;     // of phantom, unrolled and reversible
  double damping = 1;  // of phantom and reversible, of which reversible needs one in (0,1)
  // Of reversible: the tensors that f uses and whose gradients are wanted; Error where there is none.
  std::vector<Tensor> parameters{};
};

struct Equilibrium {
  Tensor z;               // f at the solution, or what the recorded steps make of it; recorded
  PendingReport forward;  // of unrolled and reversible the number of evaluations alone
  std::shared_ptr<PendingReport> adjoint;  // filled by the backward pass; null unless implicit
};

// z* = f(z*) from z0 (samples, ...). f is called with recording on for the part that is differentiated, and
// may use parameters and inputs that require gradients. Second derivatives of implicit and
// reversible are not defined: an Error.
Equilibrium equilibrium(const FixedPointMap& f, const Tensor& z0, const EquilibriumOptions& options = {});

// u of u = J^T u + g, where J^T u is vjp(u), from `start` (undefined: from g).
PendingSolution solve_adjoint(const FixedPointMap& vjp, const Tensor& g, SolveMethod& method,
                              const SolveOptions& options, const Tensor& start = {});

}  // namespace stillpoint

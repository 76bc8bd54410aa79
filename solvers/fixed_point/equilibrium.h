// Equilibria as values of a graph: solves z* = f(z*) unrecorded, and differentiates it by a chosen method.
#pragma once
#include "solvers/fixed_point/fixed_point.h"

namespace stillpoint {

// - implicit: the implicit function theorem. With g = dL/dz and J = df/dz at the solution, a second method
//   solves the adjoint equation u = J^T u + g, and u is the cotangent that f's parameters and inputs receive
//   (Bai, Kolter, Koltun 2019, theorem 1).
// - phantom: `steps` recorded steps z + damping (f(z) - z) from the solution, differentiated as they are
//   (Geng et al. 2021); one step without damping is the Jacobian-free gradient (Fung et al. 2022).
// - unrolled: the solve itself is `steps` recorded steps of f from z0 without a method: the reference.
// - reversible: the solve itself is `steps` pairs y' = (1-b) y + b f(z), z' = (1-b) z + b f(y') from y = z =
//   z0, with b = damping in (0,1) (McCallum et al. 2025). The backward pass runs the pairs in reverse and
//   stores none of them: the gradients are exact, the memory is that of one pair. The state has two words,
//   because its rounding grows by 1/(1-b) per reversed step. Throws Error if that growth would reach the high
//   word, which f sees and whose errors the slopes of f would amplify.
enum class EquilibriumGradient { implicit, phantom, unrolled, reversible };

using MakeMethod = std::function<std::unique_ptr<SolveMethod>()>;

struct EquilibriumOptions {
  MakeMethod forward = [] { return broyden(); };
  SolveOptions solve{};
  EquilibriumGradient gradient = EquilibriumGradient::implicit;
  MakeMethod adjoint = [] { return broyden(); };  // for implicit
  SolveOptions adjoint_solve{.tolerance = 1e-6,
                             .relative = true};  // relative: the scale of the loss does not matter
  // For implicit: the adjoint starts from the forward method's estimate of (I - J^T)^{-1} g if it has one
  // (Broyden's inverse Jacobian), and equals that estimate if adjoint_solve.max_steps is 0.
  bool reuse_inverse = false;
  Index steps = 1;     // for phantom, unrolled and reversible
  double damping = 1;  // for phantom and reversible; reversible needs a value in (0,1)
  // For reversible: the tensors that f uses and that need gradients. Throws Error if the list is empty.
  std::vector<Tensor> parameters{};
};

struct Equilibrium {
  Tensor z;               // f at the solution, or the result of the recorded steps; recorded
  PendingReport forward;  // for unrolled and reversible it holds only the number of evaluations
  std::shared_ptr<PendingReport> adjoint;  // filled by the backward pass; null unless implicit
};

// Solves z* = f(z*) from z0 (samples, ...). Calls f with recording on for the part that is differentiated; f
// may use parameters and inputs that require gradients. Throws Error if a second derivative of implicit or
// reversible is asked for: they are not defined.
Equilibrium equilibrium(const FixedPointMap& f, const Tensor& z0, const EquilibriumOptions& options = {});

}  // namespace stillpoint

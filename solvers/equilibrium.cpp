// Gradients through a fixed point.
#include "solvers/equilibrium.h"

#include "engine/ops.h"

namespace stillpoint {
namespace {

// y = f(z) recorded, with the cotangent of y replaced by the adjoint u before it reaches f.
Tensor implicit_step(const FixedPointMap& f, const Tensor& solution, const EquilibriumOptions& options,
                     const std::shared_ptr<SolveReport>& report) {
  const Tensor z = solution.variable(), y = f(z);
  if (!y.requires_grad()) return y;
  return record(affine(y.detach(), 1, 0), "implicit", {y}, [z, y, options, report](const VjpContext& c) {
    require(!Recording::on(),
            "equilibrium: given a second derivative of an implicit gradient, expected a first one, "
            "choose phantom or unrolled");
    const std::unique_ptr<SolveMethod> method = options.adjoint();
    const auto vjp = [&](const Tensor& u) { return grad(y, {z}, u, {.allow_unused = true})[0]; };
    Solution adjoint = solve_adjoint(vjp, c.g, *method, options.adjoint_solve);
    *report = std::move(adjoint.report);
    return std::vector<Tensor>{adjoint.z};
  });
}

}  // namespace

Solution solve_adjoint(const FixedPointMap& vjp, const Tensor& g, SolveMethod& method,
                       const SolveOptions& options) {
  return solve([&](const Tensor& u) { return vjp(u) + g; }, g, method, options);
}

Equilibrium equilibrium(const FixedPointMap& f, const Tensor& z0, const EquilibriumOptions& options) {
  const Recording on(true);
  if (options.gradient == EquilibriumGradient::unrolled) {
    Equilibrium result{z0, {}, nullptr};
    for (Index k = 0; k < options.steps; ++k) result.z = f(result.z);
    result.forward.steps = options.steps;
    return result;
  }
  const std::unique_ptr<SolveMethod> method = options.forward();
  Solution solution = solve(f, z0, *method, options.solve);
  Equilibrium result{solution.z, std::move(solution.report), nullptr};
  if (options.gradient == EquilibriumGradient::implicit) {
    result.adjoint = std::make_shared<SolveReport>();
    result.z = implicit_step(f, solution.z, options, result.adjoint);
    return result;
  }
  for (Index k = 0; k < options.steps; ++k) {
    const Tensor fz = f(result.z);
    result.z =
        options.damping == 1 ? fz : affine(result.z, 1 - options.damping, 0) + affine(fz, options.damping, 0);
  }
  return result;
}

}  // namespace stillpoint

// Solves fixed points and records their gradients.
#include "solvers/fixed_point/equilibrium.h"

#include <cmath>

#include "engine/ops.h"
#include "engine/ops/fused_sums.h"
#include "kernels/root_solver/reversible_step.h"

namespace stillpoint {
namespace {

// Records y = f(z) and replaces the cotangent of y by the adjoint u before it reaches f.
Tensor implicit_step(const FixedPointMap& f, const Tensor& solution,
                     const std::shared_ptr<SolveMethod>& forward, const EquilibriumOptions& options,
                     const std::shared_ptr<PendingReport>& report) {
  const Tensor z = solution.variable(), y = f(z);
  if (!y.requires_grad()) return y;
  const auto inverse = options.reuse_inverse ? forward : nullptr;
  return record(clone(y.detach()), "implicit", {y}, [z, y, inverse, options, report](const VjpContext& c) {
    require(!Recording::on(),
            "equilibrium: given a second derivative of an implicit gradient, expected a first one, "
            "choose phantom or unrolled");
    const std::unique_ptr<SolveMethod> method = options.adjoint();
    const Tensor start = inverse != nullptr ? inverse->adjoint_estimate(c.g) : Tensor();
    PendingSolution adjoint = start_solve([&](const Tensor& u) { return grad_plus(y, z, u, c.g); },
                                          start.defined() ? start : c.g, *method, options.adjoint_solve);
    *report = std::move(adjoint.report);
    return std::vector<Tensor>{adjoint.z};
  });
}

// A state with twice the digits of f. f sees the high word. The reverse pass restores its bits, so it
// evaluates f at the same points as before, and the slopes of f do not amplify the rounding of the state.
struct ReversibleState {
  Tensor high, low;

  explicit ReversibleState(const Tensor& z)
      : high(clone(z.detach())), low(Tensor::zeros(z.shape(), z.options())) {}
  ReversibleState copy() const {
    ReversibleState other(high);
    other.low = clone(low);
    return other;
  }
  kernels::TwoWord words() const { return {high.array(), low.array()}; }
};

// One half of a reversible step backwards: recovers s from s' = (1-b) s + b f(at), and carries the cotangent
// of s' over to `at`, s and the parameters.
struct Reverse {
  const FixedPointMap& f;
  const std::vector<Tensor>& parameters;
  double b;
  std::vector<Tensor> gradients;  // of the parameters

  void half(const ReversibleState& s, const ReversibleState& at, Tensor& of_s, Tensor& of_at) {
    const Tensor z = at.high.variable();
    std::vector<Tensor> xs{z};
    xs.insert(xs.end(), parameters.begin(), parameters.end());
    Tensor value;
    {
      const Recording on(true);
      value = f(z);
    }
    const std::vector<Tensor> g = grad(value, xs, affine(of_s, b, 0), {.allow_unused = true});
    kernels::undo_damped_step(s.words(), value.array(), b, s.words());
    of_at = of_at + g[0];
    of_s = affine(of_s, 1 - b, 0);
    for (std::size_t i = 0; i < parameters.size(); ++i)
      gradients[i] = gradients[i].defined() ? gradients[i] + g[i + 1] : g[i + 1];
  }
};

Tensor reversible_steps(const FixedPointMap& f, const Tensor& z0, const EquilibriumOptions& options) {
  const double b = options.damping, digits = z0.dtype() == DType::float64 ? 53 : 24;
  require(b > 0 && b < 1, "equilibrium: given damping ", b,
          " for reversible steps, expected it between 0 and 1, say 0.5");
  require(double(options.steps) * -std::log2(1 - b) < digits, "equilibrium: given ", options.steps,
          " reversible steps of damping ", b, ", whose way back would lose all ", digits,
          " bits of the state's low word, expected fewer steps or less damping");
  require(!options.parameters.empty(),
          "equilibrium: given no parameters for reversible steps, expected the tensors whose "
          "gradients are wanted, list them");
  ReversibleState y(z0), z(z0);
  {
    const Recording off(false);
    for (Index k = 0; k < options.steps; ++k) {
      kernels::damped_step(y.words(), f(z.high).array(), b, y.words());
      kernels::damped_step(z.words(), f(y.high).array(), b, z.words());
    }
  }
  return record(clone(z.high), "reversible", options.parameters,
                [f, b, y, z, steps = options.steps](const VjpContext& c) {
                  require(!Recording::on(),
                          "equilibrium: given a second derivative of reversible steps, expected a first "
                          "one, choose phantom or unrolled");
                  Tensor of_z = c.g, of_y = affine(c.g, 0, 0);
                  const ReversibleState now_y = y.copy(), now_z = z.copy();
                  Reverse reverse{f, c.inputs, b, std::vector<Tensor>(c.inputs.size())};
                  for (Index k = 0; k < steps; ++k) {
                    reverse.half(now_z, now_y, of_z, of_y);
                    reverse.half(now_y, now_z, of_y, of_z);
                  }
                  return reverse.gradients;
                });
}

}  // namespace

Equilibrium equilibrium(const FixedPointMap& f, const Tensor& z0, const EquilibriumOptions& options) {
  const Recording on(true);
  Equilibrium result{z0, {}, nullptr};
  if (options.gradient == EquilibriumGradient::unrolled) {
    for (Index k = 0; k < options.steps; ++k) result.z = f(result.z);
    result.forward = PendingReport(options.steps);
    return result;
  }
  if (options.gradient == EquilibriumGradient::reversible) {
    result.z = reversible_steps(f, z0, options);
    result.forward = PendingReport(2 * options.steps);
    return result;
  }
  const std::shared_ptr<SolveMethod> method = options.forward();
  PendingSolution solution = start_solve(f, z0, *method, options.solve);
  result.forward = std::move(solution.report);
  if (options.gradient == EquilibriumGradient::implicit) {
    result.adjoint = std::make_shared<PendingReport>();
    result.z = implicit_step(f, solution.z, method, options, result.adjoint);
    return result;
  }
  result.z = solution.z;
  for (Index k = 0; k < options.steps; ++k) result.z = damped(result.z, f(result.z), options.damping);
  return result;
}

}  // namespace stillpoint

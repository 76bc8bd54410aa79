// Tests gradients through fixed points, against references and each other, and the memory that they need.
#include <cmath>

#include "engine/cases/op_cases.h"
#include "kernels/root_solver/reversible_step.h"
#include "solvers/fixed_point/equilibrium.h"
#include "solvers/fixed_point/jacobian.h"
#include "tests/support/error_text.h"
#include "tests/support/toy_map.h"

namespace stillpoint {

TEST_CASE("the implicit gradient is the reference's, and the unrolled one at the end of many steps",
          "[solvers]") {
  const std::vector<std::pair<MakeMethod, double>> methods{{[] { return broyden(); }, 1e-10},
                                                           {[] { return anderson(); }, 1e-10},
                                                           {[] { return picard(); }, 1e-10}};
  const Tensor weights = Tensor::from({1, -2}, {1, 2}, f64);
  for (const auto& [make, tolerance] : methods) {
    const Toy toy;
    EquilibriumOptions options{.forward = make,
                               .solve = {.max_steps = 200, .tolerance = 1e-13},
                               .adjoint = make,
                               .adjoint_solve = {.max_steps = 200, .tolerance = 1e-13}};
    const Equilibrium solved = equilibrium(toy, Tensor::zeros({1, 2}, f64), options);
    CHECK(solved.forward.read().converged);
    CHECK(solved.adjoint->steps() == 0);
    const auto implicit = grad(sum(weights * solved.z), {toy.w, toy.b});
    CHECK(solved.adjoint->read().converged);
    CHECK(solved.adjoint->steps() > 0);
    check_close(implicit[1].values(), {.5525633016, -3.3202351974}, 1e-9);
    options.gradient = EquilibriumGradient::unrolled;
    options.steps = 200;
    const Equilibrium unrolled = equilibrium(toy, Tensor::zeros({1, 2}, f64), options);
    const auto reference = grad(sum(weights * unrolled.z), {toy.w, toy.b});
    for (std::size_t i = 0; i < 2; ++i) check_close(implicit[i].values(), reference[i].values(), tolerance);
  }
}

TEST_CASE("phantom steps come closer to the implicit gradient, one step is the Jacobian-free one",
          "[solvers]") {
  const Toy toy;
  const Tensor weights = Tensor::from({1, -2}, {1, 2}, f64);
  const auto gradient = [&](Index steps, double damping) {
    const EquilibriumOptions options{.solve = {.max_steps = 50, .tolerance = 1e-13},
                                     .gradient = EquilibriumGradient::phantom,
                                     .steps = steps,
                                     .damping = damping};
    return grad(sum(weights * equilibrium(toy, Tensor::zeros({1, 2}, f64), options).z), {toy.b})[0].values();
  };
  const auto error = [&](Index steps, double damping) {
    const auto g = gradient(steps, damping);
    return std::hypot(g[0] - .5525633016, g[1] + 3.3202351974);
  };
  check_close(gradient(1, 1),
              {1 - toy_solution[0] * toy_solution[0], -2 * (1 - toy_solution[1] * toy_solution[1])}, 1e-9);
  CHECK(error(5, 1) < .1 * error(1, 1));
  CHECK(error(40, 1) < 1e-9);
  CHECK(error(60, .5) < 1e-6);
}

TEST_CASE("an implicit gradient refuses to be differentiated", "[solvers]") {
  const Toy toy;
  const Equilibrium solved = equilibrium(toy, Tensor::zeros({1, 2}, f64));
  CHECK_THAT(error_text([&] { grad(sum(solved.z), {toy.b}, {}, {.create_graph = true}); }),
             mentions("second derivative", "choose phantom or unrolled"));
}

TEST_CASE("reversible steps have the gradient of the pairs that they are", "[solvers]") {
  for (const Device device : available_devices()) {
    const Toy toy(device, {.1, -.2, .3, .4});
    const Tensor start = Tensor::full({2, 2}, .1, {DType::float64, device});
    const Tensor weights = Tensor::from({1, -2, .5, 3}, {2, 2}, start.options());
    const EquilibriumOptions options{.gradient = EquilibriumGradient::reversible,
                                     .steps = 12,
                                     .damping = .6,
                                     .parameters = {toy.w, toy.b}};
    const Equilibrium solved = equilibrium(toy, start, options);
    CHECK(solved.forward.steps() == 24);
    Tensor y = start, z = start;
    for (int k = 0; k < 12; ++k) {
      y = .4 * y + .6 * toy(z);
      z = .4 * z + .6 * toy(y);
    }
    check_close(solved.z.values(), z.values(), 1e-15);
    const auto gradients = grad(sum(weights * solved.z), {toy.w, toy.b});
    const auto reference = grad(sum(weights * z), {toy.w, toy.b});
    for (std::size_t i = 0; i < 2; ++i) check_close(gradients[i].values(), reference[i].values(), 1e-13);
  }
  const Toy toy;
  const auto refusal = [&](Index steps, double damping, std::vector<Tensor> parameters) {
    return error_text([&] {
      equilibrium(toy, Tensor::zeros({1, 2}, f64),
                  {.gradient = EquilibriumGradient::reversible,
                   .steps = steps,
                   .damping = damping,
                   .parameters = std::move(parameters)});
    });
  };
  CHECK_THAT(refusal(4, 1, {toy.w}), mentions("between 0 and 1"));
  CHECK_THAT(refusal(60, .5, {toy.w}), mentions("60 reversible steps", "53 bits"));
  CHECK_THAT(refusal(4, .5, {}), mentions("list them"));
}

TEST_CASE("a damped step is taken back to the bit", "[solvers]") {
  const double b = .6;
  const Index n = 3000, steps = 12;
  for (const Device device : available_devices())
    for (const DType dtype : {DType::float32, DType::float64}) {
      const TensorOptions options{dtype, device};
      const auto drawn = [&](std::uint64_t seed) {
        return Tensor::from(draw_values({{n}, Draw::nonzero}, seed, true), {n}, options);
      };
      const Tensor start = drawn(1), high = clone(start), low = Tensor::zeros({n}, options);
      const kernels::TwoWord state{high.array(), low.array()};
      std::vector<Tensor> f;
      for (Index k = 0; k < steps; ++k) f.push_back(drawn(std::uint64_t(2 + k)));
      Tensor plain = start;
      for (Index k = 0; k < steps; ++k) {
        kernels::damped_step(state, f[std::size_t(k)].array(), b, state);
        plain = damped(plain, f[std::size_t(k)], b);
      }
      // `steps` roundings by half a unit each, of values of at most 2.
      check_close(high.values(), plain.values(),
                  double(steps) * (dtype == DType::float32 ? 1.2e-7 : 2.3e-16));
      for (Index k = steps; k-- > 0;) kernels::undo_damped_step(state, f[std::size_t(k)].array(), b, state);
      CHECK(high.values() == start.values());
    }
}

TEST_CASE("implicit and reversible gradients take the memory of one step however many there are",
          "[solvers]") {
  const Index width = 20000;
  const Tensor scale = Tensor::full({1, width}, .5, f64).variable();
  const auto f = [&](const Tensor& z) {
    return hyperbolic_tangent(scale * z + Tensor::full({1, width}, .3, f64));
  };
  const auto peak = [&](EquilibriumGradient gradient, Index steps) {
    const EquilibriumOptions options{.forward = [] { return picard(); },
                                     .solve = {.max_steps = steps, .tolerance = 0},
                                     .gradient = gradient,
                                     .adjoint = [] { return picard(); },
                                     .adjoint_solve = {.max_steps = steps, .tolerance = 0},
                                     .steps = steps,
                                     .damping = gradient == EquilibriumGradient::reversible ? .4 : 1,
                                     .parameters = {scale}};
    const std::size_t before = memory_stats(Device::cpu).in_use;
    reset_peak_memory(Device::cpu);
    grad(sum(equilibrium(f, Tensor::zeros({1, width}, f64), options).z), {scale});
    return double(memory_stats(Device::cpu).peak - before);
  };
  for (const auto gradient : {EquilibriumGradient::implicit, EquilibriumGradient::reversible}) {
    const double few = peak(gradient, 5), many = peak(gradient, 40);
    CHECK(many <= few * 1.01);
  }
  CHECK(peak(EquilibriumGradient::unrolled, 40) > 5 * peak(EquilibriumGradient::unrolled, 5));
}

TEST_CASE("the forward inverse of Broyden's method starts the adjoint near its solution", "[solvers]") {
  const Toy toy;
  const Tensor weights = Tensor::from({1, -2}, {1, 2}, f64);
  const auto adjoint = [&](bool reuse, Index steps) {
    const EquilibriumOptions options{.solve = {.max_steps = 30, .tolerance = 1e-13},
                                     .adjoint_solve = {.max_steps = steps, .tolerance = 1e-10},
                                     .reuse_inverse = reuse};
    const Equilibrium solved = equilibrium(toy, Tensor::zeros({1, 2}, f64), options);
    const auto g = grad(sum(weights * solved.z), {toy.b})[0].values();
    return std::pair(std::hypot(g[0] - .5525633016, g[1] + 3.3202351974), solved.adjoint->read());
  };
  CHECK(adjoint(true, 0).first < .5 * adjoint(false, 0).first);
  const auto [error, report] = adjoint(true, 30);
  CHECK(error < 1e-8);
  CHECK(report.trace[0] < .5 * adjoint(false, 30).second.trace[0]);
}

TEST_CASE("a sample that stopped early keeps its inverse", "[solvers]") {
  const std::vector<double> biases{1e-4, -1e-4, .1, -.2};
  const Tensor weights = Tensor::from({1, -2, 1, -2}, {2, 2}, f64);
  const EquilibriumOptions options{.solve = {.max_steps = 30, .tolerance = 1e-6},
                                   .adjoint_solve = {.max_steps = 0},
                                   .reuse_inverse = true};
  const Toy both(Device::cpu, biases), first(Device::cpu, {1e-4, -1e-4});
  const Equilibrium solved = equilibrium(both, Tensor::zeros({2, 2}, f64), options);
  REQUIRE(solved.forward.read().samples[0].steps + 1 < solved.forward.read().samples[1].steps);
  const Equilibrium alone = equilibrium(first, Tensor::zeros({1, 2}, f64), options);
  const auto g = grad(sum(weights * solved.z), {both.b})[0].values();
  const auto own = grad(sum(Tensor::from({1, -2}, {1, 2}, f64) * alone.z), {first.b})[0].values();
  check_close({g[0], g[1]}, own, 1e-6);
}

TEST_CASE("a sample that overflows leaves its inverse free of NaN", "[solvers]") {
  for (const Device device : available_devices()) {
    const TensorOptions options{DType::float64, device};
    const Tensor b = Tensor::from({.1, -.2, .3, 1}, {2, 2}, options).variable();
    // The second sample's second element is 1 and then e^800 - 1 + 1: it is not finite from the second step
    // on.
    const Tensor steep = Tensor::from({0, 0, 0, 800}, {2, 2}, options);
    const auto f = [&](const Tensor& z) { return affine(z, .5, 0) + exponential(steep * z) + b; };
    const EquilibriumOptions broyden_estimate{.solve = {.max_steps = 6, .tolerance = 1e-12},
                                              .adjoint_solve = {.max_steps = 0},
                                              .reuse_inverse = true};
    const Equilibrium solved = equilibrium(f, Tensor::zeros({2, 2}, options), broyden_estimate);
    REQUIRE(solved.forward.read().samples[1].status == SampleStatus::non_finite);
    const Tensor weights = Tensor::from({1, 1, 1, 0}, {2, 2}, options);
    for (const double g : grad(sum(weights * solved.z), {b})[0].values()) CHECK(std::isfinite(g));
  }
}

TEST_CASE("the spectral radius of a nilpotent Jacobian is 0", "[solvers]") {
  const Tensor w = Tensor::from({0, 1, 0, 0}, {2, 2}, f64);
  const auto f = [&](const Tensor& z) { return linear(z, w); };
  CHECK(spectral_radius(f, Tensor::zeros({1, 2}, f64), Tensor::from({1, 1}, {1, 2}, f64))[0] == 0);
}

TEST_CASE("the Jacobian's penalty and spectral radius are those of a known matrix", "[solvers]") {
  for (const Device device : available_devices()) {
    const TensorOptions options{DType::float64, device};
    const Tensor w = Tensor::from({.9, .2, 0, -.4}, {2, 2}, options).variable();
    const auto f = [&](const Tensor& z) { return linear(z, w) + square(z); };
    const Tensor z = Tensor::from({0, 0, .05, 0}, {2, 2}, options),
                 start = Tensor::from({1, 1, 1, -1}, {2, 2}, options);
    const auto radius = spectral_radius(f, z, start);
    CHECK(radius[0] == Approx(.9).epsilon(1e-9));
    CHECK(radius[1] == Approx(1.0).epsilon(1e-9));  // J = w + 2 diag(z)
    const Tensor probe = Tensor::from({1, 2, 0, 0}, {2, 2}, options);
    // probe^T w = (0.9 + 0, 0.2 - 0.8). The penalty is its mean square over four elements.
    const Tensor penalty = jacobian_penalty(f, z, probe);
    CHECK(penalty.item() == Approx((.81 + .36) / 4));
    // 2 v_k probe_j / 4, with v = probe^T w = (0.9, -0.6)
    check_close(grad(penalty, {w})[0].values(), {.45, -.3, .9, -.6}, 1e-12);
  }
}

}  // namespace stillpoint

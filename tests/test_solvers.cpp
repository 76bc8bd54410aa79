// Solvers of z = f(z): iterates of references, samples on their own, what goes wrong, and gradients.
#include <cmath>

#include "engine/cases/op_cases.h"
#include "engine/cases/op_check.h"
#include "engine/ops.h"
#include "kernels/reversible_step.h"
#include "solvers/equilibrium.h"
#include "solvers/jacobian.h"
#include "tests/catch.h"
#include "tests/error_text.h"
#include "tests/golden_file.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};

// f(z) = tanh(W z + b) whose iterates an independent NumPy program gave, one row of b per sample.
struct Toy {
  Tensor w, b;
  explicit Toy(Device device = Device::cpu, std::vector<double> bias = {.1, -.2})
      : w(Tensor::from({.5, -.3, .2, .4}, {2, 2}, {DType::float64, device}).variable()),
        b(Tensor::from(bias, {Index(bias.size()) / 2, 2}, {DType::float64, device}).variable()) {}
  Tensor operator()(const Tensor& z) const { return hyperbolic_tangent(linear(z, w) + b); }
};
const std::vector<double> toy_solution{.3121934925, -.2229239764};

// The iterates at which f is evaluated, in order.
std::vector<std::vector<double>> iterates(const FixedPointMap& f, const Tensor& z0, SolveMethod& method,
                                          Index steps) {
  std::vector<std::vector<double>> seen;
  solve([&](const Tensor& z) { return seen.push_back(z.values()), f(z); }, z0, method,
        {.max_steps = steps, .tolerance = 0});
  return seen;
}

void check_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) <= tolerance);
}

}  // namespace

TEST_CASE("Broyden's iterates are those of the reference", "[solvers]") {
  const std::vector<std::vector<double>> expected{{.0996679946, -.1973753202},
                                                  {.2906496551, -.2979056358},
                                                  {.3016097791, -.2478919017},
                                                  {.3121228399, -.2236861021},
                                                  {.312201689, -.2228948883}};
  const std::vector<double> residuals{.2211125,    .1202245,    .05336678,  .0184415,
                                      5.203632e-4, 2.060274e-5, 4.347425e-7};
  for (const Device device : available_devices()) {
    const Tensor start = Tensor::zeros({1, 2}, {DType::float64, device});
    const auto method = broyden(), again = broyden();
    const auto seen = iterates(Toy(device), start, *method, 6);
    for (std::size_t i = 0; i < expected.size(); ++i) check_close(seen[i + 1], expected[i], 1e-9);
    const Solution solution = solve(Toy(device), start, *again, {.max_steps = 20, .tolerance = 1e-12});
    CHECK(solution.report.converged);
    CHECK(solution.report.steps == 9);
    check_close(solution.z.values(), toy_solution, 1e-9);
    for (std::size_t i = 0; i < residuals.size(); ++i)
      CHECK(solution.report.trace[i] == Approx(residuals[i]).epsilon(1e-5));
  }
}

TEST_CASE("Anderson's iterates are those of the reference", "[solvers]") {
  for (const Device device : available_devices()) {
    const auto method = anderson({.relative = false});
    const auto seen = iterates(Toy(device), Tensor::zeros({1, 2}, {DType::float64, device}), *method, 5);
    check_close(seen[2], {.2433998508, -.2730339401}, 1e-9);
    check_close(seen[3], {.3059254508, -.2271076278}, 1e-9);
    check_close(seen[4], {.3110498371, -.2237246812}, 1e-9);
  }
}

TEST_CASE("ten steps of every method are those of SciPy and PyTorch", "[solvers]") {
  const GoldenFile golden("solver_traces");
  const Index memory = golden.config.at("memory"), steps = golden.config.at("steps");
  const double lambda = golden.config.at("regularisation"), beta = golden.config.at("beta");
  const std::vector<std::pair<std::string, MakeMethod>> methods{
      {"broyden", [] { return broyden(); }},
      {"line_search", [] { return broyden({.line_search = true}); }},
      {"anderson", [=] { return anderson({.memory = memory, .regularisation = lambda, .relative = false}); }},
      {"anderson_mixed", [=] {
         return anderson({.memory = memory, .regularisation = lambda, .relative = false, .beta = beta});
       }}};
  for (const Device device : available_devices())
    for (const auto& [name, make] : methods) {
      INFO(name);
      const auto to_device = [&](const char* of) { return golden.tensor(of, DType::float64).to(device); };
      const Tensor w = to_device("w"), b = to_device("b");
      const auto method = make();
      const auto seen = iterates([&](const Tensor& z) { return hyperbolic_tangent(linear(z, w) + b); },
                                 to_device("z0"), *method, steps);
      std::vector<double> all;
      for (const std::vector<double>& z : seen) all.insert(all.end(), z.begin(), z.end());
      check_close(all, golden.values(name), 1e-10);
    }
}

TEST_CASE("Armijo's line search finds what full steps of Broyden's method overshoot", "[solvers]") {
  for (const Device device : available_devices()) {
    // Where tanh is flat a secant leads far beyond the solution, and from there further; 0.1 is next to it.
    const auto f = [](const Tensor& z) { return z - 2.5 * hyperbolic_tangent(z); };
    const Tensor start = Tensor::from({4, .1}, {2, 1}, {DType::float64, device});
    const SolveOptions options{.max_steps = 60, .tolerance = 1e-10};
    const auto full = broyden({.memory = 60}), searched = broyden({.memory = 60, .line_search = true});
    const Solution without = solve(f, start, *full, options), with = solve(f, start, *searched, options);
    INFO(to_text(without.report) << "; " << to_text(with.report));
    CHECK(without.report.samples[0].status != SampleStatus::converged);
    CHECK(without.report.samples[1].status == SampleStatus::converged);
    CHECK(with.report.converged);
    check_close(with.z.values(), {0, 0}, 1e-9);
  }
}

TEST_CASE("a sample of a batch is solved as it is alone, and stops on its own", "[solvers]") {
  const std::vector<double> biases{.1, -.2, 0, 0, 3, -2};
  const auto methods = std::vector<MakeMethod>{
      [] { return picard({.damping = .7}); }, [] { return anderson({.memory = 3}); },
      [] { return broyden({.memory = 4}); }, [] { return broyden({.line_search = true}); }};
  const SolveOptions options{.max_steps = 60, .tolerance = 1e-9};
  for (const Device device : available_devices()) {
    for (const auto& make : methods) {
      const auto method = make();
      const Tensor start = Tensor::zeros({3, 2}, {DType::float64, device});
      const Solution all = solve(Toy(device, biases), start, *method, options);
      REQUIRE(all.report.converged);
      CHECK(all.report.samples[1].steps == 1);  // zero is its solution
      for (std::size_t b = 0; b < 3; ++b) {
        const auto own = make();
        const Toy toy(device, {biases[2 * b], biases[2 * b + 1]});
        const Solution one = solve(toy, Tensor::zeros({1, 2}, start.options()), *own, options);
        const std::vector<double> z = all.z.values();
        check_close({z[2 * b], z[2 * b + 1]}, one.z.values(), 1e-15);
        CHECK(all.report.samples[b].steps == one.report.steps);
      }
    }
  }
}

TEST_CASE("a map that goes wrong for one sample is told for that sample alone", "[solvers]") {
  for (const Device device : available_devices()) {
    const TensorOptions options{DType::float64, device};
    // z/2 + 1, the square root of a negative number, and 1000 z + 1
    const Tensor half = Tensor::from({.5, .5, 1000}, {3, 1}, options),
                 shift = Tensor::from({1, -9, 1}, {3, 1}, options);
    const Tensor rooted = Tensor::from({0, 1, 0}, {3, 1}, options);
    const auto f = [&](const Tensor& z) {
      const Tensor y = half * z + shift;
      return y + rooted * square_root(y + 2.0 * (Tensor::full({3, 1}, 1, options) - rooted) * square(y));
    };
    const auto method = picard();
    const Solution solution =
        solve(f, Tensor::zeros({3, 1}, options), *method, {.max_steps = 60, .tolerance = 1e-9});
    CHECK_FALSE(solution.report.converged);
    CHECK(solution.report.samples[0].status == SampleStatus::converged);
    CHECK(solution.z.values()[0] == Approx(2));
    CHECK(solution.report.samples[1].status == SampleStatus::non_finite);
    CHECK(solution.report.samples[1].steps == 1);
    CHECK(solution.z.values()[1] == 0);  // the start
    CHECK(solution.report.samples[2].status == SampleStatus::diverged);
    CHECK(std::isfinite(solution.z.values()[2]));
    CHECK_THAT(to_text(solution.report), mentions("1 of 3 samples converged", "1 not finite", "1 diverged"));
  }
}

TEST_CASE("no steps, a wrong shape and a singular Anderson system are reported", "[solvers]") {
  const auto method = anderson({.memory = 4, .regularisation = 0});
  const Tensor start = Tensor::full({2, 3}, 1, f64);
  const Solution none = solve(Toy(), start, *method, {.max_steps = 0});
  CHECK(none.z.values() == start.values());
  CHECK_FALSE(none.report.converged);
  CHECK(std::isinf(none.report.residual));
  CHECK(to_text(none.report) == "0 steps, residual inf, 0 of 2 samples converged");
  CHECK_THAT(error_text([&] { solve([](const Tensor& z) { return sum(z); }, start, *method); }),
             mentions("solve", "(2, 3)", "(1)", "change f"));
  CHECK_THAT(error_text([&] { solve(Toy(), Tensor::zeros({0, 3}, f64), *method); }), mentions("samples"));
  CHECK_THAT(error_text([] { anderson({.memory = 17}); }), mentions("17", "1 to 16"));
  CHECK_THAT(error_text([] { broyden({.memory = 0}); }), mentions("memory"));
  // f(z) = z + 1: all residuals are equal, so that the unregularised system is singular; it goes on with
  // plain steps.
  const auto plain = anderson({.memory = 4, .regularisation = 0});
  const auto seen = iterates([](const Tensor& z) { return affine(z, 1, 1); }, start, *plain, 5);
  for (std::size_t k = 0; k < seen.size(); ++k)
    check_close(seen[k], std::vector<double>(6, 1 + double(k)), 1e-12);
}

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
      const Tensor start = drawn(1), high = affine(start, 1, 0), low = Tensor::zeros({n}, options);
      const kernels::TwoWord state{high.array(), low.array()};
      std::vector<Tensor> f;
      for (Index k = 0; k < steps; ++k) f.push_back(drawn(std::uint64_t(2 + k)));
      Tensor plain = start;
      for (Index k = 0; k < steps; ++k) {
        kernels::damped_step(state, f[std::size_t(k)].array(), b, state);
        plain = damped(plain, f[std::size_t(k)], b);
      }
      // `steps` roundings of values of at most 2, half a unit each.
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

TEST_CASE("GMRES solves an affine map in as many steps as it has unknowns", "[solvers]") {
  const Index n = 6;
  std::vector<double> a, g;
  for (Index i = 0; i < n * n; ++i) a.push_back(1.5 * std::sin(double(i * i) + 1));  // not a contraction
  for (Index i = 0; i < 2 * n; ++i) g.push_back(std::cos(double(3 * i)));
  for (const Device device : available_devices()) {
    const TensorOptions options{DType::float64, device};
    const Tensor w = Tensor::from(a, {n, n}, options), shift = Tensor::from(g, {2, n}, options);
    const auto f = [&](const Tensor& u) { return linear(u, w) + shift; };
    const auto method = gmres();
    const Solution solution =
        solve(f, shift, *method, {.max_steps = 20, .tolerance = 1e-9, .divergence = 1e6});
    CHECK(solution.report.converged);
    CHECK(solution.report.steps <= n + 2);
    check_close(f(solution.z).values(), solution.z.values(), 1e-8);
    const auto restarted = gmres({.memory = 4});
    const Solution later = solve([&](const Tensor& u) { return .2 * linear(u, w) + shift; }, shift,
                                 *restarted, {.max_steps = 60, .tolerance = 1e-9, .divergence = 1e6});
    CHECK(later.report.converged);
  }
  CHECK_THAT(error_text([] { gmres({.memory = 0}); }), mentions("memory"));
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
    // probe^T w = (0.9 + 0, 0.2 - 0.8): of four elements the mean square
    const Tensor penalty = jacobian_penalty(f, z, probe);
    CHECK(penalty.item() == Approx((.81 + .36) / 4));
    // 2 v_k probe_j / 4 with v = probe^T w = (0.9, -0.6)
    check_close(grad(penalty, {w})[0].values(), {.45, -.3, .9, -.6}, 1e-12);
  }
}

}  // namespace stillpoint

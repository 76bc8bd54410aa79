// Solvers of z = f(z): iterates of references, samples on their own, what goes wrong, and gradients.
#include <cmath>

#include "engine/cases/op_check.h"
#include "engine/ops.h"
#include "solvers/equilibrium.h"
#include "tests/catch.h"
#include "tests/error_text.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};

// f(z) = tanh(W z + b) of peers.md section 9, one row of b per sample.
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

TEST_CASE("a sample of a batch is solved as it is alone, and stops on its own", "[solvers]") {
  const std::vector<double> biases{.1, -.2, 0, 0, 3, -2};
  const auto methods =
      std::vector<MakeMethod>{[] { return picard({.damping = .7}); }, [] { return anderson({.memory = 3}); },
                              [] { return broyden({.memory = 4}); }};
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
    CHECK(solved.forward.converged);
    CHECK(solved.adjoint->steps == 0);
    const auto implicit = grad(sum(weights * solved.z), {toy.w, toy.b});
    CHECK(solved.adjoint->converged);
    CHECK(solved.adjoint->steps > 0);
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

}  // namespace stillpoint

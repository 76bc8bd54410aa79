// Tests solvers of z = f(z): iterates of references, samples that are independent, and what goes wrong.
#include <cmath>

#include "engine/cases/op_cases.h"
#include "solvers/fixed_point/equilibrium.h"
#include "tests/support/error_text.h"
#include "tests/support/golden_file.h"
#include "tests/support/toy_map.h"

namespace stillpoint {
namespace {

// Returns the iterates at which f is evaluated, in order.
std::vector<std::vector<double>> iterates(const FixedPointMap& f, const Tensor& z0, SolveMethod& method,
                                          Index steps) {
  std::vector<std::vector<double>> seen;
  solve([&](const Tensor& z) { return seen.push_back(z.values()), f(z); }, z0, method,
        {.max_steps = steps, .tolerance = 0});
  return seen;
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
    // In the flat part of tanh, a secant leads far beyond the solution and then further away, from where
    // rounding decides whether it returns after some 40 steps. The second start, 0.1, is close to the
    // solution.
    const auto f = [](const Tensor& z) { return z - 2.5 * hyperbolic_tangent(z); };
    const Tensor start = Tensor::from({4, .1}, {2, 1}, {DType::float64, device});
    const SolveOptions options{.max_steps = 20, .tolerance = 1e-10};
    const auto full = broyden({.memory = 20}), searched = broyden({.memory = 20, .line_search = true});
    const Solution without = solve(f, start, *full, options), with = solve(f, start, *searched, options);
    INFO(to_text(without.report) << "; " << to_text(with.report));
    CHECK(without.report.samples[0].status != SampleStatus::converged);
    CHECK(without.report.samples[1].status == SampleStatus::converged);
    CHECK(with.report.converged);
    check_close(with.z.values(), {0, 0}, 1e-9);
  }
}

TEST_CASE("a sample of a batch is solved as it is by itself, and stops by itself", "[solvers]") {
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
      CHECK(all.report.samples[1].steps == 1);  // zero is the solution of this sample
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

TEST_CASE("a map that goes wrong for one sample is reported only for that sample", "[solvers]") {
  for (const Device device : available_devices()) {
    const TensorOptions options{DType::float64, device};
    // The samples are z/2 + 1, the square root of a negative number, and 1000 z + 1.
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

TEST_CASE("an iterate that blows up is not the best, however low its relative residual", "[solvers]") {
  for (const Device device : available_devices()) {
    const Tensor start = Tensor::zeros({1, 1}, {DType::float64, device});
    const auto grow = [](const Tensor& u) { return affine(u, 2, 1); };  // 0, 1, 3, 7; f(u) - u is 1, 2, 4, 8
    const auto solved = [&](const Tensor& z, Index steps, double tolerance) {
      const auto method = picard();
      return solve(grow, z, *method, {.max_steps = steps, .tolerance = tolerance, .relative = true});
    };
    const Solution best = solved(start, 4, 0);
    CHECK(best.z.values()[0] == 0);
    CHECK(best.report.residual == Approx(1));
    CHECK(best.report.trace.back() == Approx(8. / 15));
    const Solution converged = solved(start, 4, .6);
    CHECK(converged.report.converged);
    CHECK(converged.z.values()[0] == 3);
    CHECK(converged.report.residual == Approx(4. / 7));
    const Solution overflowed = solved(start.to(DType::float32), 100, 1e-9);
    CHECK(overflowed.report.samples[0].status == SampleStatus::non_finite);
    CHECK(overflowed.z.values()[0] == 0);
  }
}

TEST_CASE("every method returns the iterate of least ||f(z) - z|| if it ends early", "[solvers]") {
  for (const Device device : available_devices()) {
    const TensorOptions options{DType::float64, device};
    const Index n = 8;
    std::vector<double> a;
    for (Index i = 0; i < n * n; ++i) a.push_back(1.5 * std::sin(double(i * i) + 1));
    const Tensor matrix = Tensor::from(a, {n, n}, options), shift = Tensor::full({1, n}, 1, options);
    const auto methods = [] {
      std::vector<std::unique_ptr<SolveMethod>> all;
      all.push_back(picard());
      all.push_back(anderson({.memory = 3}));
      all.push_back(broyden());
      all.push_back(broyden({.line_search = true}));
      return all;
    }();
    for (const auto& method : methods) {
      double least = std::numeric_limits<double>::infinity(), residual = 0;
      std::vector<double> best;
      const auto f = [&](const Tensor& z) {
        const Tensor y = linear(z, matrix) + shift;
        const double distance = std::sqrt(sum(square(y - z)).item());
        if (distance < least) {
          least = distance;
          residual = distance / std::sqrt(sum(square(y)).item());
          best = z.values();
        }
        return y;
      };
      const Solution s = solve(f, Tensor::full({1, n}, .1, options), *method,
                               {.max_steps = 6, .tolerance = 0, .relative = true});
      check_close(s.z.values(), best, 0);
      CHECK(s.report.residual == Approx(residual));
    }
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
  // If f(z) = z + 1, all residuals are equal, so that the unregularised system is singular. Anderson's method
  // then continues with plain steps.
  const auto plain = anderson({.memory = 4, .regularisation = 0});
  const auto seen = iterates([](const Tensor& z) { return affine(z, 1, 1); }, start, *plain, 5);
  for (std::size_t k = 0; k < seen.size(); ++k)
    check_close(seen[k], std::vector<double>(6, 1 + double(k)), 1e-12);
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

}  // namespace stillpoint

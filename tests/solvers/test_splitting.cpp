// Tests operator splitting (iterates, iteration counts and adjoints of an independent model, reports) and the
// transforms of images.
#include "engine/ops.h"
#include "solvers/monotone/monotone_inverse.h"
#include "tests/support/monotone_cases.h"

namespace stillpoint {
namespace {

const std::vector<double> toy_bias{.7, -.4, .9}, toy_solution{.5431291011, .1373138989, 1.0118650563};

struct Toy {
  Tensor w, bias;
  explicit Toy(Device device)
      : w(Tensor::from(toy_matrix, {3, 3}, real(device))),
        bias(Tensor::from(toy_bias, {1, 3, 1}, real(device))) {}
  SplittingSolution solve(const SplittingOptions& o) const {
    return solve_splitting(DenseOperator(w, {.alpha = o.alpha}), {bias}, o);
  }
};

constexpr SplittingOptions precise{.tolerance = 1e-12, .max_iterations = 2000};

}  // namespace

TEST_CASE("Peaceman-Rachford's iterates are those of the reference", "[mondeq]") {
  const std::vector<std::vector<double>> expected{{.4911474435, 0, 1.0965494519},
                                                  {.5381469604, .1789270081, .9852202508},
                                                  {.5604803511, .1202066819, 1.0012098978}};
  for (const Device device : available_devices()) {
    const Toy toy(device);
    for (std::size_t k = 0; k < expected.size(); ++k)
      check_close(toy.solve({.tolerance = 0, .max_iterations = Index(k + 1)}).z[0], expected[k], 1e-9);
  }
}

TEST_CASE("both splittings need the reference's numbers of iterations", "[mondeq]") {
  const auto pr = SplittingMethod::peaceman_rachford, fb = SplittingMethod::forward_backward;
  struct Row {
    SplittingMethod method;
    double alpha;
    Index iterations;
  };
  for (const Device device : available_devices())
    for (const Row& row : {Row{pr, 1, 47}, Row{pr, .5, 40}, Row{pr, .25, 64}, Row{pr, .125, 124},
                           Row{fb, .5, 150}, Row{fb, .25, 127}, Row{fb, .125, 230}}) {
      SplittingOptions options{.method = row.method, .alpha = row.alpha, .tolerance = 1e-12};
      for (const Index check_every : {Index(1), Index(7)}) {
        options.check_every = check_every;
        const SplittingSolution solution = Toy(device).solve(options);
        const SolveReport report = solution.report.read();
        INFO("alpha " << row.alpha);
        CHECK(report.converged);
        CHECK(report.samples.at(0).steps == row.iterations);
        CHECK(report.samples[0].residual <= 1e-12);
        CHECK(report.steps >= row.iterations);
        CHECK(report.steps < row.iterations + check_every);
        check_close(solution.z[0], toy_solution, 1e-9);
      }
    }
}

TEST_CASE("the adjoint of a monotone equilibrium is that of the reference", "[mondeq]") {
  for (const Device device : available_devices())
    for (const auto method : {SplittingMethod::peaceman_rachford, SplittingMethod::forward_backward}) {
      SplittingOptions options = precise;
      options.method = method;
      options.alpha = .25;
      const Toy toy(device);
      const DenseOperator w(toy.w, {.alpha = options.alpha});
      const Parts z = solve_splitting(w, {toy.bias}, options).z;
      const Tensor g = Tensor::from({.3, -1, .8}, {1, 3, 1}, real(device));
      const SplittingSolution u = solve_splitting_adjoint(w, z, {g}, options);
      CHECK(u.report.read().converged);
      check_close(u.z[0], {.7114539425, -.5571561712, .1269296092}, 1e-9);
      options.adjoint_product = true;
      check_close(solve_splitting_adjoint(w, z, {g}, options).z[0], {.7114539425, -.5571561712, .1269296092},
                  1e-9);
    }
}

TEST_CASE("a last product with W^T takes an adjoint that ended early one step further", "[mondeq]") {
  for (const Device device : available_devices()) {
    SplittingOptions options = precise;
    options.alpha = .25;
    options.max_iterations = 3;
    const Toy toy(device);
    const DenseOperator w(toy.w, {.alpha = options.alpha});
    // The second unit is closed: its cotangent is 0.
    const Tensor z = Tensor::from({.5, 0, 1}, {1, 3, 1}, real(device)),
                 g = Tensor::from({.3, -1, .8}, {1, 3, 1}, real(device));
    const std::vector<double> u = solve_splitting_adjoint(w, {z}, {g}, options).z[0].values();
    options.adjoint_product = true;
    check_close(solve_splitting_adjoint(w, {z}, {g}, options).z[0],
                {.3 - .02 * u[0] - .6 * u[1] + .72 * u[2], 0, .8 - .28 * u[0] + .83 * u[1] - .09 * u[2]},
                1e-12);
  }
}

TEST_CASE("transforms to frequencies are the sums that define them, and invert", "[mondeq]") {
  for (const Device device : available_devices())
    for (const DType dtype : {DType::float64, DType::float32})
      for (const Index n : {1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 18, 30, 34}) {
        if (device == Device::cuda && n > 9) continue;
        const double epsilon = dtype == DType::float64 ? 2.3e-16 : 1.2e-7;
        const TensorOptions options{dtype, device};
        const FrequencyGrid grid(n, options);
        const Index samples = n % 3 == 0 ? 16 : 13;
        const Tensor z = random({n * n, 3, samples}, std::uint64_t(n), options), x = grid.forward(z);
        const Tensor by_matrices = Tensor::empty(x.shape(), options),
                     back = Tensor::empty(z.shape(), options);
        grid.forward_by_matrices(z, by_matrices);
        grid.inverse_by_matrices(x, back);
        INFO("n " << n << ' ' << name_of(dtype) << ' ' << name_of(device));
        // Relative to the norm, the errors of two sums over n places stay below 2 sqrt(n) units.
        const double bound = 16 * epsilon * std::sqrt(double(n));
        CHECK(distance({x}, {by_matrices}) < bound);
        CHECK(distance({back}, {z}) < bound);
        CHECK(distance({grid.inverse(x)}, {z}) < bound);
        // Computes one frequency of one image by its defining sum.
        const std::vector<double> values = z.values(), frequencies = x.values();
        const Index p = n / 2, q = n - 1, f = p * n + q, image = 2 * samples + 5;
        double re = 0, im = 0, length = 0;
        for (Index y = 0; y < n; ++y)
          for (Index c = 0; c < n; ++c) {
            const double v = values[std::size_t((y * n + c) * 3 * samples + image)];
            const double angle = 2 * std::acos(-1.0) * double(p * y + q * c) / double(n);
            re += v * std::cos(angle);
            im -= v * std::sin(angle);
            length += v * v;
          }
        const double margin = bound * std::sqrt(length) * double(n);
        CHECK(std::abs(frequencies[std::size_t(2 * f * 3 * samples + image)] - re) < margin);
        CHECK(std::abs(frequencies[std::size_t((2 * f + 1) * 3 * samples + image)] - im) < margin);
      }
}

TEST_CASE("a splitting reports what happened", "[mondeq]") {
  for (const Device device : available_devices()) {
    const Toy toy(device);
    const SolveReport none = toy.solve({.max_iterations = 0}).report.read();
    CHECK(none.steps == 0);
    CHECK(!none.converged);
    CHECK(std::isinf(none.residual));
    check_close(toy.solve({.max_iterations = 0}).z[0], {0, 0, 0}, 0);

    const SolveReport few = toy.solve({.tolerance = 1e-12, .max_iterations = 5}).report.read();
    CHECK(few.steps == 5);
    CHECK(!few.converged);
    CHECK(few.samples[0].status == SampleStatus::running);
    CHECK(few.trace.size() == 5);
    CHECK(few.residual == few.trace.back());

    // This is far above the step sizes for which forward-backward converges.
    const auto fb = SplittingMethod::forward_backward;
    const SplittingOptions wide{.method = fb, .alpha = 8, .tolerance = 1e-12};
    const SolveReport grows = toy.solve(wide).report.read();
    CHECK(grows.samples[0].status == SampleStatus::diverged);
    CHECK(grows.steps < 300);
    CHECK(to_text(grows).find("1 diverged") != std::string::npos);

    const double nan = std::nan("");
    for (const auto method : {fb, SplittingMethod::peaceman_rachford}) {
      Toy broken(device);
      broken.bias = Tensor::from({nan, 1, 2}, {1, 3, 1}, real(device));
      const SolveReport report = broken.solve({.method = method}).report.read();
      CHECK(report.samples[0].status == SampleStatus::non_finite);
      CHECK(report.steps == 1);
    }
  }
  // If no bias is above 0, the solution z = 0 is found at once.
  Toy calm(Device::cpu);
  calm.w = Tensor::zeros({3, 3}, real());
  calm.bias = Tensor::from({-1, -2, -3}, {1, 3, 1}, real());
  CHECK(calm.solve({}).report.read().steps == 1);
}

}  // namespace stillpoint

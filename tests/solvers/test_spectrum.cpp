// Tests Koopman spectra: textbook systems are classified correctly, and the limits are those of the powers.
#include "solvers/koopman/spectrum.h"

#include <cmath>
#include <numbers>

#include "engine/ops.h"
#include "solvers/koopman/principal_basis.h"
#include "solvers/koopman/systems.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};

Tensor matrix(const std::vector<double>& values, Index n) { return Tensor::from(values, {n, n}, f64); }

Tensor power(const Tensor& k, int n) {
  Tensor p = k;
  for (int i = 1; i < n; ++i) p = matmul(p, k);
  return p;
}

double largest_difference(const Tensor& a, const Tensor& b) {
  double largest = 0;
  for (const double d : (a - b).values()) largest = std::max(largest, std::abs(d));
  return largest;
}

// Returns the features of z_t and of z_{t+1} for all trajectories and steps.
std::pair<Tensor, Tensor> pairs(const std::vector<Tensor>& states, const Dictionary& phi) {
  std::vector<double> from, to;
  for (std::size_t t = 0; t + 1 < states.size(); ++t) {
    const auto a = states[t].values(), b = states[t + 1].values();
    from.insert(from.end(), a.begin(), a.end());
    to.insert(to.end(), b.begin(), b.end());
  }
  const Shape shape{Index(from.size()) / 2, 2};
  return {phi(Tensor::from(from, shape, f64)), phi(Tensor::from(to, shape, f64))};
}

bool has_eigenvalue(const KoopmanSpectrum& spectrum, std::complex<double> lambda, double tolerance) {
  return std::any_of(spectrum.eigenvalues.begin(), spectrum.eigenvalues.end(),
                     [&](std::complex<double> other) { return std::abs(other - lambda) <= tolerance; });
}

}  // namespace

TEST_CASE("textbook systems are put in their case from their trajectories", "[spectrum]") {
  for (const System& system : textbook_systems()) {
    if (!system.linear) continue;
    INFO(system.name);
    const auto [from, to] = pairs(trajectories(system, 10, 12, 3), identity_dictionary());
    const KoopmanEstimate estimate = estimate_koopman(from, to);
    CHECK(estimate.error < 1e-12);
    CHECK(estimate.rank == 2);
    const KoopmanSpectrum spectrum = koopman_spectrum(estimate.matrix);
    CHECK(name_of(spectrum.settling) == std::string(name_of(system.settling)));
  }
}

TEST_CASE("the lifted spiral has the products of its eigenvalues", "[spectrum]") {
  const auto [from, to] = pairs(trajectories(textbook_system("spiral"), 20, 12, 1), monomial_dictionary(2));
  CHECK(from.dim(1) == 6);  // 1, x, y, xx, xy, yy
  const KoopmanEstimate estimate = estimate_koopman(from, to);
  CHECK(estimate.error < 1e-12);
  const KoopmanSpectrum spectrum = koopman_spectrum(estimate.matrix);
  for (const auto lambda :
       {std::polar(1.0, 0.0), std::polar(0.9, 0.5), std::polar(0.81, 1.0), std::polar(0.81, 0.0)})
    CHECK(has_eigenvalue(spectrum, lambda, 1e-8));
  CHECK(spectrum.at_one == 1);  // the constant function
  CHECK(spectrum.settling == Settling::settles);
}

TEST_CASE("a limit cycle shows as its frequency on the unit circle", "[spectrum]") {
  const auto [from, to] =
      pairs(trajectories(textbook_system("hopf"), 100, 30, 1), fourier_dictionary(120, 1.5, 5, 2));
  const KoopmanEstimate estimate = estimate_koopman(from, to, {.truncation = 1e-8});
  CHECK(estimate.error < 2e-3);
  // No finite set of features is closed under the map. Eigenvalues that miss the circle by less than a few
  // times the fit's error count as on it.
  const KoopmanSpectrum spectrum = koopman_spectrum(estimate.matrix, {.tolerance = 10 * estimate.error});
  for (int k = 0; k <= 2; ++k) CHECK(has_eigenvalue(spectrum, std::polar(1.0, 0.5 * k), 1e-3));
  CHECK(spectrum.settling == Settling::oscillates);
}

TEST_CASE("the fixed space is the limit of the powers", "[spectrum]") {
  // k fixes (1, 1, 0, 0) and (0, 1, 1, 1), and has the eigenvalues 0.5 and -0.7, in the skew basis s.
  const Tensor s = matrix({1, 0, .2, 0, 1, 1, 0, .3, 0, 1, 1, 0, 0, 1, 0, 1}, 4);
  const Tensor j = matrix({1, 0, 0, 0, 0, 1, 0, 0, 0, 0, .5, 0, 0, 0, 0, -.7}, 4);
  // Solves k s = s j by least squares on the rows of s^T.
  const Tensor st = permute(s, {1, 0});
  const Tensor k = estimate_koopman(st, matmul(j, st)).matrix;
  CHECK(largest_difference(matmul(k, s), matmul(s, j)) < 1e-12);
  const SpectralProjector projector = fixed_space(k);
  CHECK(projector.v.shape() == Shape{4, 2});
  CHECK(largest_difference(matmul(projector.u, projector.v), matrix({1, 0, 0, 1}, 2)) < 1e-12);
  CHECK(largest_difference(projector.matrix(), power(k, 150)) < 1e-12);
  CHECK(largest_difference(settled_power(k, 150), power(k, 150)) < 1e-12);
  CHECK(koopman_spectrum(k).settling == Settling::settles);
  CHECK(fixed_space(.5 * k).matrix().values() == std::vector<double>(16, 0));
}

TEST_CASE("the part on the circle is what is left of the powers", "[spectrum]") {
  const double c = std::cos(.7), d = std::sin(.7);
  const Tensor k =
      matrix({c, -d, .3, .1, 0, d, c, 0, .2, .5, 0, 0, -1, .4, 0, 0, 0, 0, .6, .1, 0, 0, 0, 0, 1}, 5);
  CHECK(koopman_spectrum(k).settling == Settling::oscillates);
  CHECK(koopman_spectrum(k).on_circle == 4);
  for (const int n : {100, 101, 137}) CHECK(largest_difference(settled_power(k, n), power(k, n)) < 1e-11);
}

TEST_CASE("eigenvalues of modulus one without enough eigenvectors diverge", "[spectrum]") {
  const Tensor jordan = matrix({1, 1, 0, 0, 1, 0, 0, 0, .5}, 3);
  const KoopmanSpectrum spectrum = koopman_spectrum(jordan);
  CHECK(spectrum.at_one == 2);
  CHECK_FALSE(spectrum.semisimple);
  CHECK(spectrum.settling == Settling::diverges);
  CHECK_THAT(error_text([&] { fixed_space(jordan); }), mentions("eigenvalue 1 comes 2 times", "semisimple"));
  CHECK_THAT(error_text([&] { settled_power(jordan, 3); }), mentions("its powers grow"));
  CHECK(koopman_spectrum(matrix({1, 0, 0, 1}, 2)).settling == Settling::settles);
  // The eigenvalues of a Jordan block of size three, seen through a similarity, lie 1e-5 apart.
  const Tensor s = matrix({1, .5, .3, -.2, 1, .4, .7, -.1, 1}, 3), st = permute(s, {1, 0});
  const Tensor three = estimate_koopman(st, matmul(matrix({1, 0, 0, 1, 1, 0, 0, 1, 1}, 3), st)).matrix;
  CHECK_THAT(error_text([&] { fixed_space(three); }), mentions("fixed_space"));
  CHECK_THAT(error_text([&] { settled_power(three, 10); }), mentions("settled_power"));
}

TEST_CASE("Ulam's method finds invariant densities", "[spectrum]") {
  const auto turned = invariant_density(
      ulam_matrix([](double x) { return std::fmod(x + (std::sqrt(5.0) - 1) / 2, 1.0); }, 50));
  for (const double value : turned) CHECK(value == Approx(1).epsilon(1e-9));
  // The logistic map's density is 1 / (pi sqrt(x (1 - x))). The mean error falls with the number of cells,
  // but slowly because of the poles at 0 and 1.
  const auto mean_error = [](Index cells) {
    const auto density =
        invariant_density(ulam_matrix([](double x) { return 4 * x * (1 - x); }, cells, 1000));
    const auto share = [&](Index edge) {
      return 2 / std::numbers::pi * std::asin(std::sqrt(double(edge) / double(cells)));
    };
    double error = 0;
    for (Index i = 0; i < cells; ++i)
      error += std::abs(density[std::size_t(i)] / double(cells) - (share(i + 1) - share(i)));
    return error;
  };
  const double coarse = mean_error(40), fine = mean_error(240);
  CHECK(fine < .08);
  CHECK(fine < .6 * coarse);
}

TEST_CASE("principal directions are those in which rows differ", "[spectrum]") {
  // The rows have the mean (1, 2, 3). They vary by 3 and 1 along two orthonormal directions, and not along
  // the third.
  const std::vector<double> first{.6, .8, 0}, second{-.8, .6, 0};
  std::vector<double> values;
  for (const double a : {-3., 3.})
    for (const double b : {-1., 1.})
      for (std::size_t i = 0; i < 3; ++i) values.push_back(double(i + 1) + a * first[i] + b * second[i]);
  const Tensor rows = Tensor::from(values, {4, 3}, f64);
  const PrincipalBasis basis = principal_basis(rows, 3);
  REQUIRE(basis.size() == 2);
  CHECK(basis.variance[0] == Approx(9));
  CHECK(basis.variance[1] == Approx(1));
  const std::vector<double> directions = basis.directions.values();
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(std::abs(directions[i]) == Approx(std::abs(first[i])).margin(1e-12));
    CHECK(std::abs(directions[3 + i]) == Approx(std::abs(second[i])).margin(1e-12));
  }
  const Tensor coordinates = basis.coordinates(rows);
  CHECK(sum(square(basis.rows(coordinates) - rows)).item() < 1e-24);
  // With only one direction, the error is the variance along the other.
  CHECK(sum(square(basis.rows(slice(coordinates, {0, 0}, {4, 1})) - rows)).item() == Approx(4));
  CHECK(principal_basis(rows, 1).size() == 1);
  CHECK_THAT(error_text([] {
               principal_basis(Tensor::full({3, 2}, 5, f64), 2);
             }),
             mentions("3 rows", "do not differ"));
}

TEST_CASE("wrong input of the spectra is refused", "[spectrum]") {
  const Tensor two = matrix({1, 0, 0, 1}, 2);
  CHECK_THAT(error_text([&] { koopman_spectrum(Tensor::zeros({2, 3}, f64)); }), mentions("(2, 3)", "square"));
  CHECK_THAT(error_text([&] { koopman_spectrum(matrix({1, NAN, 0, 1}, 2)); }), mentions("not finite"));
  CHECK_THAT(error_text([&] {
               estimate_koopman(two, Tensor::zeros({3, 2}, f64));
             }),
             mentions("(2, 2)", "(3, 2)"));
  CHECK_THAT(error_text([&] {
               estimate_readout(two, Tensor::zeros({3, 2}, f64));
             }),
             mentions("2 features", "3 states"));
  CHECK_THAT(error_text([&] { ulam_matrix([](double x) { return x + 2; }, 4); }), mentions("[0,1]"));
  CHECK_THAT(error_text([] { textbook_system("spirals"); }), mentions("'spirals'", "'spiral'"));
  CHECK_THAT(error_text([] { monomial_dictionary(0); }), mentions("degree 0"));
  CHECK_THAT(error_text([] { fourier_dictionary(3, 1, 1, 2); }), mentions("even"));
  CHECK_THAT(error_text([] { fourier_dictionary(4, 0, 1, 2); }), mentions("bandwidth"));
  CHECK_THAT(error_text([] { trajectories(textbook_system("spiral"), 0, 1, 1); }), mentions("at least 1"));
}

}  // namespace stillpoint

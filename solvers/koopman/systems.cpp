// Maps of the plane: linear ones, given by their matrix, and the Hopf normal form, given by its exact flow.
#include "solvers/koopman/systems.h"

#include <cmath>

#include "engine/config.h"
#include "engine/init.h"
#include "engine/ops.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};

std::function<Tensor(const Tensor&)> by_matrix(std::vector<double> a) {
  return [a = Tensor::from(a, {2, 2}, f64)](const Tensor& z) { return linear(z, a); };
}
std::vector<double> rotation(double radius, double angle) {
  return {radius * std::cos(angle), -radius * std::sin(angle), radius * std::sin(angle),
          radius * std::cos(angle)};
}

// r' = r (1 - r^2), theta' = 1 for a time of 0.5: r^2 -> r^2 e / (1 + r^2 (e - 1)) with e = exp(2 time).
Tensor hopf(const Tensor& z) {
  constexpr double time = 0.5;
  const double e = std::exp(2 * time);
  const Tensor squares = sum_to(square(z), {z.dim(0), 1});
  const Tensor growth = square_root(affine(reciprocal(affine(squares, e - 1, 1)), e, 0));
  return growth * linear(z, Tensor::from(rotation(1, time), {2, 2}, f64));
}

}  // namespace

const std::vector<System>& textbook_systems() {
  static const std::vector<System> systems{
      {"spiral", "0.9 times a rotation: into the origin", Settling::vanishes, by_matrix(rotation(0.9, 0.5))},
      {"decay", "eigenvalues 1 and 0.5: onto a line of fixed points", Settling::settles,
       by_matrix({0.75, 0.25, 0.25, 0.75})},
      {"reflection", "eigenvalues -1 and 0.6: onto a line, then to and fro", Settling::oscillates,
       by_matrix({-1, 0.8, 0, 0.6})},
      {"rotation", "a turn by one radian: round the starting circle", Settling::oscillates,
       by_matrix(rotation(1, 1))},
      {"hopf", "the Hopf normal form: onto the unit circle and round it", Settling::oscillates, hopf, false},
      {"defective", "a Jordan block at 1: grows like n", Settling::diverges, by_matrix({1, 1, 0, 1})},
      {"expanding", "1.05 times a rotation: away", Settling::diverges, by_matrix(rotation(1.05, 0.3))}};
  return systems;
}

const System& textbook_system(const std::string& name) {
  std::vector<std::string> names;
  for (const System& system : textbook_systems()) {
    if (system.name == name) return system;
    names.push_back(system.name);
  }
  fail("spectrum: given the system '", shown(name), "', expected a run folder or one of ", join(names),
       did_you_mean(name, names));
}

Dictionary identity_dictionary() {
  return [](const Tensor& z) { return clone(z); };
}

Dictionary monomial_dictionary(Index degree) {
  require(degree > 0, "monomial_dictionary: given degree ", degree, ", expected at least 1");
  return [degree](const Tensor& z) {
    const Index n = z.dim(0), d = z.dim(1);
    const std::vector<double> x = z.values();
    std::vector<double> values;
    Index features = 0;
    for (Index r = 0; r < n; ++r) {
      // A product of k + 1 coordinates is one of k times a coordinate that does not precede its last.
      std::vector<std::pair<double, Index>> all{{1.0, 0}}, layer = all;
      for (Index k = 0; k < degree; ++k) {
        std::vector<std::pair<double, Index>> next;
        for (const auto& [product, last] : layer)
          for (Index c = last; c < d; ++c) next.emplace_back(product * x[std::size_t(r * d + c)], c);
        all.insert(all.end(), next.begin(), next.end());
        layer = std::move(next);
      }
      features = Index(all.size());
      for (const auto& [product, last] : all) values.push_back(product);
    }
    return Tensor::from(values, {n, features}, f64);
  };
}

Dictionary fourier_dictionary(Index features, double bandwidth, std::uint64_t seed, Index dimension) {
  require(features > 1 && features % 2 == 0, "fourier_dictionary: given ", features,
          " features, expected an even number of at least 2");
  require(bandwidth > 0, "fourier_dictionary: given bandwidth ", bandwidth, ", expected a positive one");
  const Tensor omega = Initializer(seed, f64).normal({features / 2, dimension}, 1 / bandwidth).detach();
  return [omega, features](const Tensor& z) {
    const Index n = z.dim(0);
    return pad(random_fourier_features(z, omega), {0, 1}, {n, features + 1}) +
           pad(Tensor::full({n, 1}, 1, f64), {0, 0}, {n, features + 1});
  };
}

std::vector<Tensor> trajectories(const System& system, Index count, Index steps, std::uint64_t seed) {
  require(count > 0 && steps > 0, "trajectories: given ", count, " trajectories of ", steps,
          " steps, expected at least 1 of both");
  // U(-b, b) with b = 1/sqrt(fan_in) = 1
  std::vector<Tensor> states{Initializer(seed, f64).uniform_fan_in({count, 2}, 1).detach()};
  for (Index t = 0; t < steps; ++t) states.push_back(system.map(states.back()));
  return states;
}

}  // namespace stillpoint

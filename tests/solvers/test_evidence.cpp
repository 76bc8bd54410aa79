// Tests what data say about a Koopman matrix: residuals of eigenpairs, resampled verdicts, constant features.
#include "solvers/koopman/evidence.h"

#include <algorithm>

#include "engine/ops.h"
#include "solvers/koopman/systems.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};

}  // namespace

TEST_CASE("residuals tell eigenpairs of the map from those of the dictionary", "[spectrum]") {
  // The monomials of both coordinates close under the spiral; one coordinate beside a constant does not.
  const std::vector<Tensor> states = trajectories(textbook_system("spiral"), 10, 12, 1);
  const auto residuals = [&](const Dictionary& phi) {
    std::vector<Tensor> lifted;
    for (const Tensor& z : states) lifted.push_back(phi(z));
    std::vector<double> from, to;
    for (std::size_t t = 0; t + 1 < lifted.size(); ++t) {
      const auto a = lifted[t].values(), b = lifted[t + 1].values();
      from.insert(from.end(), a.begin(), a.end());
      to.insert(to.end(), b.begin(), b.end());
    }
    const Shape shape{Index(from.size()) / lifted[0].dim(1), lifted[0].dim(1)};
    const Tensor x = Tensor::from(from, shape, f64), y = Tensor::from(to, shape, f64);
    const OrderedSchur schur(estimate_koopman(x, y).matrix);
    const Index holds =
        verdicts_that_hold(lifted, Settling::settles, 5, [](const Tensor& a, const Tensor& b) {
          return koopman_spectrum(estimate_koopman(a, b).matrix).settling;
        });
    CHECK(constant_features(x) == 1);
    return std::pair(eigenpair_residuals(x, y, schur.eigenvalues(), schur.eigenvectors().left), holds);
  };
  const auto [closed, holds] = residuals(monomial_dictionary(3));
  for (const double residual : closed) CHECK(residual < 1e-9);
  CHECK(holds == 5);
  const auto [open, unused] = residuals([](const Tensor& z) {
    return slice(monomial_dictionary(1)(z), {0, 0}, {z.dim(0), 2});  // 1 and x
  });
  CHECK(*std::min_element(open.begin(), open.end()) < 1e-12);  // the constant
  CHECK(*std::max_element(open.begin(), open.end()) > .1);
}

}  // namespace stillpoint

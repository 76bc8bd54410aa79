// Tests what data say about a Koopman matrix: residuals of eigenpairs, resampled verdicts, constant features.
#include "solvers/koopman/evidence.h"

#include <algorithm>

#include "engine/ops.h"
#include "solvers/koopman/systems.h"
#include "tests/support/catch.h"

namespace stillpoint {
TEST_CASE("residuals tell eigenpairs of the map from those of the dictionary", "[spectrum]") {
  // The monomials of both coordinates close under the spiral; one coordinate beside a constant does not.
  const std::vector<Tensor> states = trajectories(textbook_system("spiral"), 10, 12, 1);
  const auto residuals = [&](const Dictionary& phi) {
    const StepPairs pairs = step_pairs(states);
    const Tensor x = phi(pairs.from), y = phi(pairs.to);
    const OrderedSchur schur(estimate_koopman(x, y).matrix);
    const Index holds = verdicts_that_hold({x, y, pairs.trajectory}, Settling::settles, 5,
                                           [](const Tensor& a, const Tensor& b) {
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

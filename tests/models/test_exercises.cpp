// Solutions of the exercises in docs/tour.md that are written in C++.
#include <cmath>

#include "models/tcn.h"
#include "solvers/fixed_point/equilibrium.h"
#include "tests/support/catch.h"

namespace stillpoint {

TEST_CASE("exercise: five blocks do not reach from the first digit to its recall, six do", "[docs]") {
  const Index distance = 510, length = distance + 1;
  for (const Index blocks : {5, 6}) {
    Initializer init(1, {DType::float64});
    const Tcn tcn(init, {.blocks = blocks, .channels = 4}, 1);
    const Tensor x = init.normal({1, 1, length}, 1);
    const Tensor last = sum(slice(tcn(x), {0, 0, distance}, {1, 4, length}));
    const double first = grad(last, {x})[0].values()[0];
    CHECK((first != 0) == (14 * ((1 << blocks) - 1) >= distance));
  }
}

TEST_CASE("exercise: the square root is an equilibrium, and its derivative comes from the adjoint",
          "[docs]") {
  const Tensor a = Tensor::full({1, 1}, 2, {DType::float64}).variable();
  const auto newton = [&](const Tensor& z) { return 0.5 * (z + a / z); };
  const Equilibrium e =
      equilibrium(newton, Tensor::full({1, 1}, 1, {DType::float64}), {.solve = {.tolerance = 1e-12}});
  CHECK(e.z.item() == Approx(std::sqrt(2)));
  const Tensor gradient = grad(e.z, {a})[0];
  CHECK(gradient.item() == Approx(0.5 / std::sqrt(2)));
  CHECK(e.adjoint->read().steps == 1);
}

}  // namespace stillpoint

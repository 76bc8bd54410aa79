// Runs every row of the table of op cases: oracle, gradient check, second order, CPU = GPU.
#include <cmath>
#include <limits>

#include "engine/cases/op_check.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

void require_passed(const std::vector<OpCheck>& checks) {
  for (const OpCheck& check : checks) {
    INFO(check.what);
    CHECK(check.error <= check.allowed);
  }
}

}  // namespace

TEST_CASE("ops agree with their oracle in float64 and float32 on every device", "[ops]") {
  for (const OpCase& c : op_cases())
    for (const Device device : available_devices()) require_passed(check_values(c, device));
}

TEST_CASE("gradients agree with central differences in float64", "[ops]") {
  for (const OpCase& c : op_cases()) require_passed(check_by_differences(c));
}

TEST_CASE("second derivatives agree with central differences of the gradient", "[ops]") {
  for (const OpCase& c : op_cases()) require_passed(check_second_order(c));
}

TEST_CASE("gradients in float32 agree with float64 on every device", "[ops]") {
  for (const OpCase& c : op_cases())
    for (const Device device : available_devices()) require_passed(check_gradients(c, device));
}

TEST_CASE("ops and their gradients are right, element by element, where they are small or saturated",
          "[ops]") {
  std::size_t checked = 0;
  for (const OpCase& c : op_cases())
    for (const Device device : available_devices()) {
      const std::vector<OpCheck> checks = check_extremes(c, device);
      require_passed(checks);
      checked += checks.size();
    }
  CHECK(checked >= 24);
}

TEST_CASE("a softplus whose gradient vanishes at -20 fails its row", "[ops]") {
  const auto softplus = [](const std::vector<Values>& x) {
    Values y;
    for (const double v : x[0]) y.push_back(std::log1p(std::exp(v)));
    return y;
  };
  OpCase row{.name = "softplus",
             .inputs = {{{1}}},
             .op =
                 [&](const std::vector<Tensor>& x) {
                   const Tensor value = Tensor::from(softplus({x[0].values()}), x[0].shape(), x[0].options());
                   return add(value, affine(x[0], 0, 0));
                 },
             .oracle = softplus,
             .extremes = {-20}};
  const std::vector<OpCheck> checks = check_extremes(row, Device::cpu);
  REQUIRE(checks.size() == 3);
  CHECK(checks[0].passed());
  CHECK_FALSE(checks[1].passed());  // the gradient
  CHECK(checks[2].passed());
}

TEST_CASE("argmax takes the first of equal elements, and a NaN before all others", "[ops]") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                   inf = std::numeric_limits<double>::infinity();
  for (const Device device : available_devices()) {
    const Tensor x = Tensor::from({1, 3, 3, 2, -inf, -inf, -inf, -inf, 1, nan, inf, nan, -3, -2, -2, -inf},
                                  {4, 4}, {DType::float32, device});
    CHECK(argmax(x).values() == Values{1, 0, 1, 1});
    CHECK(argmax(x, 0).values() == Values{0, 2, 2, 2});
  }
}

TEST_CASE("where lets nothing through of what it does not choose", "[ops]") {
  const Tensor x = Tensor::from({0.0, 4.0}, {2}, {DType::float64}).variable();
  const Tensor y = where(greater(x, Tensor::full({1}, 0, x.options())), logarithm(x), x * 2.0);
  CHECK(y.values() == Values{0, std::log(4.0)});
}

}  // namespace stillpoint

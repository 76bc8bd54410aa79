// Every row of the op-case table: oracle, gradient check, second order, CPU = GPU.
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

}  // namespace stillpoint

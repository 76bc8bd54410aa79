// Checks of a row of the op-case table, for the tests and for `stillpoint selftest`.
#pragma once
#include "engine/cases/op_cases.h"
#include "kernels/gemm/gemm.h"

namespace stillpoint {

// Distances are Euclidean, over all elements of one array.
struct OpCheck {
  std::string what;  // op, type, device
  double error, allowed;
  bool passed() const { return error <= allowed; }  // false for NaN
};

// Both take `precision` for the products. What it changes, in float32, may be off by that rounding; what it does
// not change is held to float32's.
// Values in float64 and float32 against the oracle: within 16 eps sqrt(k) of its norm.
std::vector<OpCheck> check_values(const OpCase& c, Device device, kernels::Precision precision = {});
// Gradients in both types against those of float64 on the CPU: within 64 eps sqrt(k).
std::vector<OpCheck> check_gradients(const OpCase& c, Device device, kernels::Precision precision = {});
// A NaN in each input makes a NaN in float32 wherever it makes one of the oracle: the number of places that
// lack it, 0 allowed.
std::vector<OpCheck> check_nan(const OpCase& c, Device device);
// Each value and derivative at the case's extremes, relative to itself: values in both types within 64 eps of the
// oracle, derivatives in float64 within 1e-3 of the oracle's central difference. The error is the largest over all
// elements, in units of what is allowed.
std::vector<OpCheck> check_extremes(const OpCase& c, Device device);
// Gradients in float64 against central differences: within 1e-6.
std::vector<OpCheck> check_by_differences(const OpCase& c);
// Second derivatives in float64 against central differences of the gradient: within 1e-6.
std::vector<OpCheck> check_second_order(const OpCase& c);

}  // namespace stillpoint

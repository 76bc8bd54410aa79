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

// Both use `precision` for the products. Float32 results that it changes may be off by its rounding; all
// others are held to float32's.
// Checks values in float64 and float32 against the oracle: within 16 eps sqrt(k) of its norm.
std::vector<OpCheck> check_values(const OpCase& c, Device device, kernels::Precision precision = {});
// Checks gradients in both types against those of float64 on the CPU: within 64 eps sqrt(k).
std::vector<OpCheck> check_gradients(const OpCase& c, Device device, kernels::Precision precision = {});
// Checks that a NaN in each input gives a NaN in float32 wherever it gives one in the oracle. The error is
// the number of places that lack it, 0 allowed.
std::vector<OpCheck> check_nan(const OpCase& c, Device device);
// Checks each value and derivative at the case's extremes, relative to itself: values in both types within 64
// eps of the oracle, derivatives in float64 within 1e-3 of the oracle's central difference. The error is the
// largest over all elements, in units of what is allowed.
std::vector<OpCheck> check_extremes(const OpCase& c, Device device);
// Checks gradients in float64 against central differences: within 1e-6.
std::vector<OpCheck> check_by_differences(const OpCase& c);
// Checks second derivatives in float64 against central differences of the gradient: within 1e-6.
std::vector<OpCheck> check_second_order(const OpCase& c);

}  // namespace stillpoint

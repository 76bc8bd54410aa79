// What tests of monotone networks share: random tensors, norms of parts, the toy's W.
#pragma once
#include <cmath>

#include "engine/cases/op_cases.h"
#include "engine/init.h"
#include "solvers/monotone/splitting.h"
#include "tests/support/catch.h"

namespace stillpoint {

inline TensorOptions real(Device device = Device::cpu) { return {DType::float64, device}; }

inline Tensor random(const Shape& shape, std::uint64_t seed, TensorOptions options) {
  return Initializer(seed, options).normal(shape, 1);
}

inline double inner(const Parts& a, const Parts& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.size(); ++i) total += sum(a[i] * b[i]).item();
  return total;
}

inline double norm(const Parts& a) { return std::sqrt(inner(a, a)); }

// ||a - b|| / ||b||
inline double distance(const Parts& a, const Parts& b) {
  Parts difference;
  for (std::size_t i = 0; i < a.size(); ++i) difference.push_back(a[i] - b[i]);
  return norm(difference) / norm(b);
}

inline void check_close(const Tensor& a, const std::vector<double>& expected, double tolerance) {
  const std::vector<double> values = a.values();
  REQUIRE(values.size() == expected.size());
  for (std::size_t i = 0; i < values.size(); ++i) CHECK(std::abs(values[i] - expected[i]) <= tolerance);
}

// W of the toy; an independent NumPy program gave its reference values.
inline const std::vector<double> toy_matrix{-.02, 1, -.28, -.6, .17, .83, .72, -1.37, -.09};

}  // namespace stillpoint

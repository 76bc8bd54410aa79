// A small map with known solutions, for tests of solvers and of gradients through them.
#pragma once
#include <cmath>
#include <vector>

#include "engine/ops.h"
#include "tests/support/catch.h"

namespace stillpoint {

inline constexpr TensorOptions f64{DType::float64, Device::cpu};

// f(z) = tanh(W z + b), with one row of b per sample. An independent NumPy program gave the reference
// iterates.
struct Toy {
  Tensor w, b;
  explicit Toy(Device device = Device::cpu, std::vector<double> bias = {.1, -.2})
      : w(Tensor::from({.5, -.3, .2, .4}, {2, 2}, {DType::float64, device}).variable()),
        b(Tensor::from(bias, {Index(bias.size()) / 2, 2}, {DType::float64, device}).variable()) {}
  Tensor operator()(const Tensor& z) const { return hyperbolic_tangent(linear(z, w) + b); }
};
inline const std::vector<double> toy_solution{.3121934925, -.2229239764};

inline void check_close(const std::vector<double>& a, const std::vector<double>& b, double tolerance) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(std::abs(a[i] - b[i]) <= tolerance);
}

}  // namespace stillpoint

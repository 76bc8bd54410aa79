// Initial values of parameters from counter-based random numbers, with the distributions of PyTorch's
// defaults.
#pragma once
#include "engine/tensor.h"

namespace stillpoint {

// Each draw takes its own stream under one seed, so the values depend only on the seed and the order of
// draws.
class Initializer {
 public:
  explicit Initializer(std::uint64_t seed, TensorOptions options = {}) : seed_(seed), options_(options) {}

  // U(-b, b) with b = 1/sqrt(fan_in): PyTorch's default for weight and bias of Linear and Conv layers.
  Tensor uniform_fan_in(Shape shape, Index fan_in);
  Tensor normal(Shape shape, double deviation);
  Tensor fill(Shape shape, double value) const;
  TensorOptions options() const { return options_; }

 private:
  std::uint64_t seed_, stream_ = 0;
  TensorOptions options_;
};

}  // namespace stillpoint

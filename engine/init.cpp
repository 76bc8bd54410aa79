// Draws initial parameter values.
#include "engine/init.h"

#include <cmath>

#include "kernels/random/random.h"

namespace stillpoint {

Tensor Initializer::uniform_fan_in(Shape shape, Index fan_in) {
  require(fan_in > 0, "init: given fan-in ", fan_in, ", expected > 0, check the layer's sizes");
  const Tensor y = Tensor::empty(std::move(shape), options_);
  const double bound = 1 / std::sqrt(double(fan_in));
  kernels::fill_uniform(y.array(), {seed_, stream_++}, -bound, bound);
  return y.variable();
}

Tensor Initializer::normal(Shape shape, double deviation) {
  const Tensor y = Tensor::empty(std::move(shape), options_);
  kernels::fill_normal(y.array(), {seed_, stream_++}, 0, deviation);
  return y.variable();
}

Tensor Initializer::fill(Shape shape, double value) const {
  return Tensor::full(std::move(shape), value, options_).variable();
}

}  // namespace stillpoint

// Compares ops that add sums on their way, and the normalisations, on CUDA with the CPU's.
#include <cmath>

#include "engine/ops.h"
#include "engine/ops/fused_sums.h"
#include "tests/support/catch.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/toy_map.h"

namespace stillpoint {
namespace {

Tensor drawn(double factor, Shape shape, TensorOptions options) {
  std::vector<double> values;
  for (Index i = 0; i < count(shape); ++i) values.push_back(std::sin(double(i * i) + factor));
  return Tensor::from(values, shape, options).variable();
}

// Returns values and gradients of what a residual layer is made of.
std::vector<double> layer(TensorOptions options) {
  const Tensor x = drawn(0.1, {37, 40}, options), v = drawn(0.2, {40, 40}, options),
               g = drawn(0.3, {40}, options), b = drawn(0.4, {40}, options),
               term = drawn(0.5, {37, 40}, options);
  const Tensor w = weight_norm(v, g), h = layer_norm(x), y = linear_plus(linear_relu(h, w, b), w, b, h) + x;
  std::vector<double> all = y.values();
  const auto append = [&](const Tensor& t) {
    for (const double value : t.values()) all.push_back(value);
  };
  for (const Tensor& t : grad(y, {x, v, g, b}, term.detach())) append(t);
  const Tensor with = grad_plus(y, x, term.detach(), h.detach());
  check_close(with.values(), add(grad(y, {x}, term.detach())[0], h).values(),
              options.dtype == DType::float64 ? 1e-12 : 1e-4);
  return all;
}

}  // namespace

TEST_CASE("a residual layer and its gradients on CUDA are the CPU's", "[cuda][ops]") {
  check_close(layer({DType::float64, Device::cuda}), layer({DType::float64, Device::cpu}), 1e-11);
  check_close(layer({DType::float32, Device::cuda}), layer({DType::float64, Device::cpu}), 1e-3);
}

TEST_CASE("a gate on CUDA lets through what is behind a positive value", "[cuda][ops]") {
  const TensorOptions options{DType::float32, Device::cuda};
  const Tensor a = Tensor::from(std::vector<double>{1, -2, 3, 4}, {4}, options),
               b = Tensor::from(std::vector<double>{0.5, 2, 0, -1}, {4}, options);
  CHECK(gate(a, b).values() == std::vector<double>{1, -2, 0, 0});
}

#if STILLPOINT_SIMT
TEST_CASE("the gradient of a residual layer launches no kernel that only adds", "[cuda][ops]") {
  const TensorOptions options{DType::float32, Device::cuda};
  const Tensor x = drawn(0.1, {37, 40}, options), w = drawn(0.2, {40, 40}, options),
               b = drawn(0.3, {40}, options), seed = drawn(0.4, {37, 40}, options).detach();
  const Tensor h = layer_norm(x), y = linear_plus(linear_relu(h, w, b), w, b, h);
  simt::reset_stats();
  grad_plus(y, x, seed, seed);
  CHECK(simt::stats().launches == 2);       // gate, layer norm
  CHECK(simt::stats().library_calls == 2);  // products
}
#endif

}  // namespace stillpoint

// Tests batch normalisation, maximum pooling and inverses on CUDA against the same code on the CPU, which the
// op cases compare with oracles.
#include <cmath>
#include <limits>

#include "kernels/batch_norm/batch_norm.h"
#include "kernels/conv2d/conv2d_bias.h"
#include "kernels/max_pool/max_pool.h"
#include "kernels/monotone/complex_inverse.h"
#include "tests/support/device_array.h"

namespace stillpoint::kernels {
namespace {

template <class T>
std::vector<T> positive(std::vector<T> values) {
  for (T& v : values) v = v * v + T(0.25);
  return values;
}

template <class T>
struct BatchNormResults {
  std::vector<T> mean, variance, y, dx, dgain, dshift, running_mean, running_variance;
};

// Runs everything that a training step needs from the layer, on one device.
template <class T>
BatchNormResults<T> batch_norm_on(Device device, const BatchNormShape& s) {
  std::mt19937 rng(unsigned(s.places() * 7 + s.batch));
  const std::int64_t n = s.channels * s.values(), out = s.batch * s.channels * s.out_height() * s.out_width();
  const auto drawn = [&](std::int64_t size) { return DeviceArray<T>(device, random_values<T>(rng, size)); };
  const auto result = [&](std::int64_t size) { return DeviceArray<T>(device, unwritten<T>(size)); };
  const auto x = drawn(n), g = drawn(out), gain = drawn(s.channels), shift = drawn(s.channels);
  const auto running_mean = drawn(s.channels),
             running_variance = DeviceArray<T>(device, positive(random_values<T>(rng, s.channels)));
  const auto mean = result(s.channels), variance = result(s.channels), y = result(out), dx = result(n),
             dgain = result(s.channels), dshift = result(s.channels);
  batch_norm_statistics(s, x.array(), mean.array(), variance.array());
  const BatchNormParams params{gain.array(), shift.array(), mean.array(), variance.array()};
  batch_norm_relu(s, params, x.array(), y.array());
  batch_norm_relu_backward(s, params, x.array(), g.array(), dx.array(), dgain.array(), dshift.array());
  update_running_statistics(s.values(), mean.array(), variance.array(), running_mean.array(),
                            running_variance.array());
  return {mean.host(),         variance.host(),        y.host(), dx.host(), dgain.host(), dshift.host(),
          running_mean.host(), running_variance.host()};
}

// If rounding decided a value's ReLU, the devices could differ; none of these values is that close to 0.
template <class T>
void check_batch_norm(const BatchNormShape& s) {
  INFO("batch norm " << s.batch << " x " << s.channels << " x " << s.height << " x " << s.width << " pool "
                     << s.pool << " " << name_of(dtype_of<T>()));
  const auto cpu = batch_norm_on<T>(Device::cpu, s), gpu = batch_norm_on<T>(Device::cuda, s);
  const double terms = double(s.values());
  const auto close = [&](const char* what, const std::vector<T>& a, const std::vector<T>& b) {
    check_close(what, a, to_double(b), terms);
  };
  close("mean", gpu.mean, cpu.mean);
  close("variance", gpu.variance, cpu.variance);
  close("y", gpu.y, cpu.y);
  close("dx", gpu.dx, cpu.dx);
  close("dgain", gpu.dgain, cpu.dgain);
  close("dshift", gpu.dshift, cpu.dshift);
  close("running mean", gpu.running_mean, cpu.running_mean);
  close("running variance", gpu.running_variance, cpu.running_variance);
}

template <class T>
struct PoolResults {
  std::vector<T> y, scattered, gathered;
  std::vector<std::int32_t> place;
};

template <class T>
PoolResults<T> max_pool_on(Device device, const MaxPoolShape& s, const std::vector<T>& values) {
  const std::int64_t outputs = s.planes * s.out_height() * s.out_width();
  const DeviceArray<T> x(device, values), y(device, unwritten<T>(outputs)),
      scattered(device, unwritten<T>(std::int64_t(values.size()))), gathered(device, unwritten<T>(outputs));
  const DeviceArray<std::int32_t> place(device, std::vector<std::int32_t>(std::size_t(outputs), -1));
  max_pool2d(s, x.array(), y.array(), place.array());
  max_pool2d_scatter(s, y.array(), place.array(), scattered.array());
  max_pool2d_gather(s, x.array(), place.array(), gathered.array());
  return {y.host(), scattered.host(), gathered.host(), place.host()};
}

// The draws have ties. Maxima and places are selected, not computed, so both devices must agree exactly.
template <class T>
void check_max_pool(const MaxPoolShape& s) {
  INFO("max pool " << s.planes << " x " << s.height << " x " << s.width << " by " << s.size);
  std::mt19937 rng(unsigned(s.height * s.width));
  const auto x = random_values<T>(rng, s.planes * s.height * s.width);
  const auto cpu = max_pool_on(Device::cpu, s, x), gpu = max_pool_on(Device::cuda, s, x);
  CHECK(gpu.y == cpu.y);
  CHECK(gpu.place == cpu.place);
  CHECK(gpu.scattered == cpu.scattered);
  CHECK(gpu.gathered == gpu.y);
}

// Returns y and the gradients of w and b.
template <class T>
std::vector<std::vector<T>> conv2d_bias_on(Device device, const Conv2dShape& s) {
  std::mt19937 rng(unsigned(s.height));
  const auto drawn = [&](std::int64_t size) { return DeviceArray<T>(device, random_values<T>(rng, size)); };
  const std::int64_t taps = s.out_channels * s.in_channels * s.kernel_height * s.kernel_width,
                     out = s.batch * s.out_channels * s.out_height() * s.out_width();
  const auto x = drawn(s.batch * s.in_channels * s.height * s.width), w = drawn(taps),
             b = drawn(s.out_channels), g = drawn(out);
  const DeviceArray<T> y(device, unwritten<T>(out)), dw(device, unwritten<T>(taps)),
      db(device, unwritten<T>(s.out_channels));
  conv2d_bias(s, x.array(), w.array(), b.array(), y.array());
  conv2d_bias_adjoint(s, g.array(), x.array(), dw.array(), db.array());
  return {y.host(), dw.host(), db.host()};
}

template <class T>
void check_conv2d_bias(const Conv2dShape& s) {
  INFO("bias, circular " << s.circular << " " << name_of(dtype_of<T>()));
  const auto cpu = conv2d_bias_on<T>(Device::cpu, s), gpu = conv2d_bias_on<T>(Device::cuda, s);
  check_close("y", gpu[0], to_double(cpu[0]), double(s.in_channels * s.kernel_height * s.kernel_width + 1));
  const double terms = double(s.batch * s.out_height() * s.out_width());
  check_close("dw", gpu[1], to_double(cpu[1]), terms);
  check_close("db", gpu[2], to_double(cpu[2]), terms);
}

// Random matrices plus 2 sqrt(n) I, whose Hermitian parts are positive definite.
template <class T>
void check_inverses(std::int64_t batch, std::int64_t n) {
  INFO(batch << " inverses of " << n << " rows, " << name_of(dtype_of<T>()));
  std::mt19937 rng{unsigned(n)};
  std::vector<T> matrices = random_values<T>(rng, 2 * batch * n * n);
  for (std::int64_t b = 0; b < batch; ++b)
    for (std::int64_t i = 0; i < n; ++i)
      matrices[std::size_t(2 * b * n * n + i * n + i)] += T(2 * std::sqrt(double(n)));
  const DeviceArray<T> cpu(Device::cpu, matrices), gpu(Device::cuda, matrices);
  complex_inverse(n, cpu.array());
  complex_inverse(n, gpu.array());
  check_close("inverse", gpu.host(), to_double(cpu.host()), double(n));
}

}  // namespace

TEST_CASE("the bias of a convolution on CUDA equals the CPU's", "[cuda][conv2d]") {
  for (const Conv2dShape& s :
       {Conv2dShape{3, 2, 5, 7, 9, 3, 3, 1, 1, false}, {2, 3, 2, 6, 35, 3, 3, 2, 1, true}}) {
    check_conv2d_bias<float>(s);
    check_conv2d_bias<double>(s);
  }
}

TEST_CASE("batch normalisation on CUDA equals the CPU's", "[cuda][batch_norm]") {
  for (const BatchNormShape& s : {BatchNormShape{3, 5, 5, 7},
                                  {33, 2, 3, 3},
                                  {1, 3, 25, 40},
                                  {2, 70, 1, 1},
                                  {3, 2, 8, 12, 2},
                                  {2, 3, 7, 35, 2},
                                  {1, 2, 11, 10, 3}}) {
    check_batch_norm<float>(s);
    check_batch_norm<double>(s);
  }
}

TEST_CASE("maximum pooling on CUDA takes the same places as on the CPU", "[cuda][max_pool]") {
  for (const MaxPoolShape& s :
       {MaxPoolShape{6, 8, 10, 2}, {3, 7, 35, 2}, {2, 11, 9, 3}, {5, 4, 4, 1}, {1, 5, 5, 5}}) {
    check_max_pool<float>(s);
    check_max_pool<double>(s);
  }
  std::vector<float> values(16, 1);
  values[5] = values[6] = std::numeric_limits<float>::quiet_NaN();
  const auto with_nan = max_pool_on(Device::cuda, {1, 4, 4, 4}, values);
  CHECK(std::isnan(with_nan.y[0]));
  CHECK((with_nan.place[0] == 5 || with_nan.place[0] == 6));
}

TEST_CASE("complex inverses on CUDA are the CPU's in registers and in memory", "[cuda][orders][mondeq]") {
  for (const std::int64_t n : {1, 16, 33, 49, 66, 97}) {
    check_inverses<float>(3, n);
    check_inverses<double>(2, n);
  }
}

}  // namespace stillpoint::kernels

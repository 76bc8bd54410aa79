// Tests batch normalisation's statistics under large means, its running statistics, and which element of a
// window pooling takes.
#include <cmath>
#include <limits>
#include <random>

#include "engine/ops.h"
#include "kernels/batch_norm/batch_norm.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

using Doubles = std::vector<double>;
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

struct Moments {
  double mean = 0, variance = 0;
};

// Returns the moments of channel c of x (n,channels,places).
Moments moments(const std::vector<float>& x, Index n, Index channels, Index places, Index c) {
  Moments m;
  const auto each = [&](auto f) {
    for (Index i = 0; i < n * places; ++i)
      f(double(x[std::size_t((i / places * channels + c) * places + i % places)]));
  };
  each([&](double v) { m.mean += v / double(n * places); });
  each([&](double v) { m.variance += (v - m.mean) * (v - m.mean) / double(n * places); });
  return m;
}

// The sums and gradients of one batch norm with ReLU and pooling, computed from x and g by plain loops in
// double.
struct Expected {
  Doubles y, dx, dgain, dshift;
};

struct Sizes {
  Index n, channels, height, width, pool;
  Index places() const { return height * width; }
  Index outputs() const { return height / pool * (width / pool); }
};

Expected expected_values(const Sizes& s, const Doubles& x, const Doubles& gain, const Doubles& shift,
                         const Doubles& g) {
  Expected e{Doubles(g.size()), Doubles(x.size()), Doubles(gain.size()), Doubles(gain.size())};
  const double n = double(s.n * s.places());
  for (Index c = 0; c < s.channels; ++c) {
    const auto channel = std::size_t(c);
    const auto place = [&](Index i) {
      return std::size_t((i / s.places() * s.channels + c) * s.places() + i % s.places());
    };
    double mean = 0, variance = 0;
    for (Index i = 0; i < s.n * s.places(); ++i) mean += x[place(i)] / n;
    for (Index i = 0; i < s.n * s.places(); ++i) variance += std::pow(x[place(i)] - mean, 2) / n;
    const double inverse = 1 / std::sqrt(variance + 1e-5);
    Doubles m(std::size_t(s.n * s.places()), 0.0);
    for (Index k = 0; k < s.n * s.outputs(); ++k) {
      const Index p = k % s.outputs() / (s.width / s.pool), q = k % (s.width / s.pool),
                  image = k / s.outputs();
      Index at = -1;
      for (Index j = 0; j < s.pool * s.pool; ++j) {
        const Index here = image * s.places() + (p * s.pool + j / s.pool) * s.width + q * s.pool + j % s.pool;
        if (at < 0 || gain[channel] * x[place(here)] > gain[channel] * x[place(at)]) at = here;
      }
      const auto out = std::size_t((image * s.channels + c) * s.outputs() + k % s.outputs());
      const double z = (x[place(at)] - mean) * inverse;
      e.y[out] = std::max(0.0, gain[channel] * z + shift[channel]);
      if (e.y[out] == 0) continue;
      m[std::size_t(at)] = g[out];
      e.dshift[channel] += g[out];
      e.dgain[channel] += g[out] * z;
    }
    for (Index i = 0; i < s.n * s.places(); ++i) {
      const double z = (x[place(i)] - mean) * inverse;
      e.dx[place(i)] =
          gain[channel] * inverse * (m[std::size_t(i)] - e.dshift[channel] / n - z * e.dgain[channel] / n);
    }
  }
  return e;
}

// Checks the distance relative to the norm: rounding n values and summing over them leaves it below 16 eps
// sqrt(n).
void check_near(const char* what, const Doubles& found, const Doubles& expected, double n, double eps) {
  double apart = 0, size = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    apart += std::pow(found[i] - expected[i], 2);
    size += std::pow(expected[i], 2);
  }
  INFO(what);
  CHECK(std::sqrt(apart) <= 16 * eps * std::sqrt(n) * std::max(1.0, std::sqrt(size)));
}

void check_sweeps(const Sizes& s, DType dtype) {
  INFO(name_of(dtype) << ' ' << s.height << " x " << s.width << ", pool " << s.pool);
  std::mt19937 random(unsigned(s.height * 41 + s.width));
  std::uniform_real_distribution<double> uniform(-1, 1);
  const auto draw = [&](Index n) {
    Doubles values;
    for (Index i = 0; i < n; ++i) values.push_back(double(float(uniform(random))));
    return values;
  };
  const Doubles x = draw(s.n * s.channels * s.places()), gain = draw(s.channels), shift = draw(s.channels),
                g = draw(s.n * s.channels * s.outputs());
  const Expected expected = expected_values(s, x, gain, shift, g);
  const std::vector<Tensor> in{Tensor::from(x, {s.n, s.channels, s.height, s.width}, {dtype}).variable(),
                               Tensor::from(gain, {s.channels}, {dtype}).variable(),
                               Tensor::from(shift, {s.channels}, {dtype}).variable()};
  const Tensor y = batch_norm_relu(in[0], in[1], in[2], {s.pool}).y;
  const std::vector<Tensor> found = grad(y, in, Tensor::from(g, y.shape(), {dtype}));
  const double n = double(s.n * s.places()), eps = dtype == DType::float32
                                                       ? double(std::numeric_limits<float>::epsilon())
                                                       : std::numeric_limits<double>::epsilon();
  check_near("y", y.values(), expected.y, n, eps);
  check_near("dx", found[0].values(), expected.dx, n, eps);
  check_near("dgain", found[1].values(), expected.dgain, n, eps);
  check_near("dshift", found[2].values(), expected.dshift, n, eps);
}

}  // namespace

TEST_CASE("batch norm keeps float32's precision beside a mean thousands of deviations away", "[batch_norm]") {
  const Index n = 16, channels = 3, height = 29, width = 31, places = height * width;
  const double means[] = {0, 1e4, -3e5};
  std::mt19937 random(5);
  std::normal_distribution<double> normal(0, 1);
  std::vector<float> x;
  for (Index i = 0; i < n * channels * places; ++i)
    x.push_back(float(means[i / places % channels] + normal(random)));
  const Tensor image = Tensor::from(x, {n, channels, height, width}, Device::cpu);
  const Tensor ones = Tensor::full({channels}, 1);
  const BatchNormValue value = batch_norm_relu(image, ones, ones);
  const Doubles mean = value.mean.values(), variance = value.variance.values(), y = value.y.values();
  const double eps = std::numeric_limits<float>::epsilon();
  for (Index c = 0; c < channels; ++c) {
    INFO("channel " << c);
    const Moments expected = moments(x, n, channels, places, c);
    const std::size_t at = std::size_t(c);
    // The mean is exact to float32's precision. Its error shifts all differences from it by the same amount.
    const double off = eps * (std::abs(expected.mean) + 4);
    CHECK(std::abs(mean[at] - expected.mean) <= off);
    CHECK(std::abs(variance[at] - expected.variance) <= off * off + 64 * eps);
    const double deviation = std::sqrt(expected.variance + 1e-5);
    double worst = 0;
    for (Index i = 0; i < n * places; ++i) {
      const std::size_t place = std::size_t((i / places * channels + c) * places + i % places);
      const double z = (double(x[place]) - expected.mean) / deviation;
      worst = std::max(worst, std::abs(y[place] - std::max(0.0, z + 1)));
    }
    CHECK(worst <= 4 * (off + 64 * eps));
  }
}

TEST_CASE("batch norm's sweeps agree with plain loops over ragged images", "[batch_norm]") {
  for (const DType dtype : {DType::float32, DType::float64})
    for (const Index height : {2, 3, 7, 14, 28})
      for (const Index width : {2, 3, 7, 14, 15, 16, 17, 28, 32, 33, 66})
        for (const Index pool : {1, 2}) check_sweeps({3, 5, height, width, pool}, dtype);
}

TEST_CASE("running statistics take a tenth of the batch's, with an unbiased variance", "[batch_norm]") {
  const Tensor mean = Tensor::from(Doubles{2, -4}, {2}), variance = Tensor::from(Doubles{3, 5}, {2});
  const Tensor running_mean = Tensor::from(Doubles{10, 20}, {2}),
               running_variance = Tensor::from(Doubles{1, 2}, {2});
  kernels::update_running_statistics(6, mean.array(), variance.array(), running_mean.array(),
                                     running_variance.array());
  const Doubles m = running_mean.values(), v = running_variance.values();
  const double eps = std::numeric_limits<float>::epsilon();
  CHECK(std::abs(m[0] - 9.2) <= 4 * eps * 10);
  CHECK(std::abs(m[1] - 17.6) <= 4 * eps * 20);
  CHECK(std::abs(v[0] - (0.9 + 0.1 * 3 * 6 / 5)) <= 4 * eps * 2);
  CHECK(std::abs(v[1] - (1.8 + 0.1 * 5 * 6 / 5)) <= 4 * eps * 4);
}

TEST_CASE("batch norm passes a NaN on only to its channel", "[batch_norm]") {
  Tensor x = Tensor::full({2, 2, 2, 2}, 1);
  Doubles values = x.values();
  values[0] = not_a_number;
  values[5] = 2;
  x = Tensor::from(values, x.shape());
  const Tensor ones = Tensor::full({2}, 1);
  const Doubles y = batch_norm_relu(x, ones, ones).y.values();
  CHECK(std::isnan(y[1]));
  CHECK(std::isfinite(y[5]));
}

TEST_CASE("batch norm says what it cannot take", "[batch_norm]") {
  const Tensor one = Tensor::full({1}, 1);
  CHECK(error_text([&] {
          batch_norm_relu(Tensor::full({1, 1, 1, 1}, 1), one, one);
        }) ==
        "batch_norm_relu: given x of shape (1, 1, 1, 1), expected at least 2 values per channel, use a "
        "larger batch");
  CHECK(error_text([&] {
          batch_norm_relu(Tensor::full({2, 3, 4, 4}, 1), one, one);
        }) == "batch_norm_relu: given gain of shape (1), expected (3), check the sizes");
  CHECK(
      error_text([&] {
        batch_norm_relu(Tensor::empty({0, 1, 65536, 65536}, {}), one, one);
      }) ==
      "batch_norm_relu: given images of 65536 x 65536, expected fewer than 2^31 places, cut them into tiles");
  const Array a = one.array();
  CHECK(error_text([&] { kernels::update_running_statistics(1, a, a, a, a); }) ==
        "update_running_statistics: given 1 values per channel, expected at least 2 for an unbiased "
        "variance, use "
        "larger batches");
}

TEST_CASE("pooling takes the first of equal values, and a NaN before all", "[max_pool]") {
  const Tensor x = Tensor::from(Doubles{1, 3, 2, 2,  //
                                        3, 0, 2, 2,  //
                                        5, 1, not_a_number, 7, 2, 4, 1, 9},
                                {1, 1, 4, 4})
                       .variable();
  const Tensor y = max_pool2d(x, 2);
  const Doubles values = y.values();
  CHECK(values[0] == 3);
  CHECK(values[1] == 2);
  CHECK(values[2] == 5);
  CHECK(std::isnan(values[3]));
  const Tensor seed = Tensor::from(Doubles{1, 2, 3, 4}, {1, 1, 2, 2});
  CHECK(grad(y, {x}, seed)[0].values() == Doubles{0, 1, 2, 0, 0, 0, 0, 0, 3, 0, 4, 0, 0, 0, 0, 0});
}

TEST_CASE("pooling says what it cannot take", "[max_pool]") {
  CHECK(error_text([&] {
          max_pool2d(Tensor::full({1, 1, 2, 5}, 1), 3);
        }) ==
        "max_pool2d: given windows of 3 x 3 over 2 x 5, expected at least 1 and no more than the image, "
        "change the size");
}

}  // namespace stillpoint

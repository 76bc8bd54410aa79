// Batch normalisation's statistics under large means, running statistics, and which element of a window
// pooling takes.
#include <cmath>
#include <limits>
#include <random>

#include "engine/ops.h"
#include "kernels/batch_norm.h"
#include "tests/catch.h"
#include "tests/error_text.h"

namespace stillpoint {
namespace {

using Doubles = std::vector<double>;
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

struct Moments {
  double mean = 0, variance = 0;
};

// Of channel c of x (n,channels,places).
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
    // The mean is as exact as float32 holds it, and what that leaves out shifts every difference from it
    // alike.
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

TEST_CASE("batch norm passes a NaN on to its channel alone", "[batch_norm]") {
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

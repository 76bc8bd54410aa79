// Tests the vector sine, cosine and powers of two against libm in double.
#include "kernels/launch/simd_math.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tests/support/catch.h"

namespace stillpoint {
namespace {

constexpr int lanes = kernels::simd::width<float>;

double ulps(float value, double expected) {
  const float rounded = float(std::abs(expected));
  return std::abs(double(value) - expected) / (double(std::nextafter(rounded, 1e38f)) - double(rounded));
}

// Returns the largest error of a vector's sines and cosines in ulp. Those of infinity and NaN must be NaN.
double sincos_error(const float* x) {
  kernels::simd::Vector<float> sine, cosine;
  kernels::simd::sincos(kernels::simd::load(x), sine, cosine);
  double largest = 0;
  for (int i = 0; i < lanes; ++i) {
    if (std::isfinite(x[i])) {
      largest =
          std::max({largest, ulps(sine[i], std::sin(double(x[i]))), ulps(cosine[i], std::cos(double(x[i])))});
    } else {
      REQUIRE(std::isnan(sine[i]));
      REQUIRE(std::isnan(cosine[i]));
    }
  }
  return largest;
}

}  // namespace

TEST_CASE("vector sine and cosine stay within 2 ulp up to 1e4", "[simd_math]") {
  double largest = 0;
  std::mt19937 random(4);
  float x[lanes];
  for (float size : {1e-30f, 1e-3f, 1.0f, 10.0f, 300.0f, 1e4f}) {
    std::uniform_real_distribution<float> uniform(-size, size);
    for (int i = 0; i < 100000; ++i) {
      for (float& v : x) v = uniform(random);
      largest = std::max(largest, sincos_error(x));
    }
  }
  for (int n = -6300; n <= 6300; n += lanes) {  // next to multiples of pi/2, where a result is smallest
    for (int step = -2; step <= 2; ++step) {
      for (int i = 0; i < lanes; ++i) {
        x[i] = float((n + i) * 1.5707963267948966);
        for (int k = 0; k < std::abs(step); ++k) x[i] = std::nextafter(x[i], step < 0 ? -1e9f : 1e9f);
      }
      largest = std::max(largest, sincos_error(x));
    }
  }
  INFO("largest error in ulp: " << largest);
  CHECK(largest <= 2);
  CHECK(largest > 0.4);
}

TEST_CASE("vector sine and cosine are right for zero, huge arguments, infinity and NaN", "[simd_math]") {
  const float infinity = std::numeric_limits<float>::infinity();
  for (float v : {0.0f, -0.0f, 1e8f, -3e20f, infinity, -infinity, std::nanf(""), 10001.0f}) {
    float x[lanes];
    std::fill_n(x, lanes, 1.0f);
    x[lanes / 2] = v;
    CHECK(sincos_error(x) <= 2);
  }
}

TEST_CASE("vector powers of two stay within 2 ulp, and are 0 below the normal numbers", "[simd_math]") {
  namespace simd = kernels::simd;
  std::mt19937 random(5);
  float x[lanes];
  double largest = 0;
  for (float low : {-126.0f, -30.0f, -1.0f, -0.01f}) {
    std::uniform_real_distribution<float> uniform(low, -low);
    for (int n = 0; n < 100000; ++n) {
      for (float& v : x) v = uniform(random);
      const simd::Vector<float> y = simd::power_of_two(simd::load(x));
      for (int i = 0; i < lanes; ++i) largest = std::max(largest, ulps(y[i], std::exp2(double(x[i]))));
    }
  }
  INFO("largest error in ulp: " << largest);
  CHECK(largest <= 2);
  CHECK(largest > 0.4);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const auto& [value, expected] : {std::pair{0.0f, 1.0f},
                                        {-126.0f, 0x1p-126f},
                                        {-126.001f, 0.0f},
                                        {-infinity, 0.0f},
                                        {127.0f, 0x1p127f}})
    CHECK(simd::power_of_two(simd::splat(value))[lanes / 2] == expected);
  CHECK(std::isnan(simd::power_of_two(simd::splat(std::nanf("")))[0]));
  CHECK(simd::power_of_two(simd::splat(3.0))[0] == 8.0);
  CHECK(simd::power_of_two(simd::splat(-2000.0))[0] == 0.0);
}

}  // namespace stillpoint

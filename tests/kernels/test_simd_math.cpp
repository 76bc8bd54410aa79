// Tests the vector sine, cosine and powers of two against libm in double.
#include "kernels/launch/simd_math.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tests/support/catch.h"

namespace stillpoint {

TEST_CASE("vector sine and cosine stay within 2 ulp up to 1e4", "[simd_math]") {
  namespace simd = kernels::simd;
  constexpr int lanes = simd::width<float>;
  double largest = 0;
  const auto check = [&](const float* x, bool exact) {
    simd::Vector<float> sine, cosine;
    simd::sincos(simd::load(x), sine, cosine);
    for (int i = 0; i < lanes; ++i) {
      const auto ulps = [&](float value, double expected) {
        const float rounded = float(std::abs(expected));
        const double ulp = double(std::nextafter(rounded, 2.0f)) - double(rounded);
        return std::abs(double(value) - expected) / ulp;
      };
      if (!std::isfinite(x[i])) {
        REQUIRE(std::isnan(sine[i]));
        REQUIRE(std::isnan(cosine[i]));
        continue;
      }
      const double error =
          std::max(ulps(sine[i], std::sin(double(x[i]))), ulps(cosine[i], std::cos(double(x[i]))));
      if (!exact) largest = std::max(largest, error);
      REQUIRE(error <= 2);
    }
  };
  std::mt19937 random(4);
  float x[lanes];
  for (float size : {1e-30f, 1e-3f, 1.0f, 10.0f, 300.0f, 1e4f}) {
    std::uniform_real_distribution<float> uniform(-size, size);
    for (int i = 0; i < 100000; ++i) {
      for (float& v : x) v = uniform(random);
      check(x, false);
    }
  }
  for (int n = -6300; n <= 6300; n += lanes) {  // next to multiples of pi/2, where a result is smallest
    for (int step = -2; step <= 2; ++step) {
      for (int i = 0; i < lanes; ++i) {
        x[i] = float((n + i) * 1.5707963267948966);
        for (int k = 0; k < std::abs(step); ++k) x[i] = std::nextafter(x[i], step < 0 ? -1e9f : 1e9f);
      }
      check(x, false);
    }
  }
  INFO("largest error in ulp: " << largest);
  CHECK(largest > 0.4);
  const float special[]{0.0f,
                        -0.0f,
                        1e8f,
                        -3e20f,
                        std::numeric_limits<float>::infinity(),
                        -std::numeric_limits<float>::infinity(),
                        std::numeric_limits<float>::quiet_NaN(),
                        10001.0f};
  for (float v : special) {
    std::fill_n(x, lanes, 1.0f);
    x[lanes / 2] = v;
    check(x, true);
  }
}

TEST_CASE("vector powers of two stay within 2 ulp, and are 0 below the normal numbers", "[simd_math]") {
  namespace simd = kernels::simd;
  constexpr int lanes = simd::width<float>;
  std::mt19937 random(5);
  float x[lanes];
  double largest = 0;
  for (float low : {-126.0f, -30.0f, -1.0f, -0.01f}) {
    std::uniform_real_distribution<float> uniform(low, -low);
    for (int n = 0; n < 100000; ++n) {
      for (float& v : x) v = uniform(random);
      const simd::Vector<float> y = simd::power_of_two(simd::load(x));
      for (int i = 0; i < lanes; ++i) {
        const double exact = std::exp2(double(x[i]));
        const float rounded = float(exact);
        largest = std::max(largest, std::abs(double(y[i]) - exact) /
                                        (double(std::nextafter(rounded, 1e38f)) - double(rounded)));
      }
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

// Arrays of a test on either device, and their comparison with a reference in double.
#pragma once
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/device/array.h"
#include "tests/support/catch.h"

namespace stillpoint {

// Owns a copy of `values` on a device, allocated to the exact size so that the emulator finds an access past
// its end.
template <class T>
class DeviceArray {
 public:
  DeviceArray(Device device, const std::vector<T>& values)
      : buffer_(device, values.size() * sizeof(T)), size_(std::int64_t(values.size())) {
    copy_bytes(buffer_.data(), device, values.data(), Device::cpu, values.size() * sizeof(T));
  }
  Array array() const { return {buffer_.data(), size_, dtype_of<T>(), buffer_.device()}; }
  std::vector<T> host() const {
    std::vector<T> values(static_cast<std::size_t>(size_));
    copy_bytes(values.data(), Device::cpu, buffer_.data(), buffer_.device(), values.size() * sizeof(T));
    return values;
  }

 private:
  Buffer buffer_;
  std::int64_t size_;
};

// Returns n NaNs, which a kernel has to overwrite.
template <class T>
std::vector<T> unwritten(std::int64_t n) {
  return std::vector<T>(std::size_t(n), std::numeric_limits<T>::quiet_NaN());
}

// Returns normal random numbers; every seventh is zero and every fifth repeats its predecessor.
template <class T>
std::vector<T> random_values(std::mt19937& rng, std::int64_t n, double deviation = 1) {
  std::normal_distribution<double> normal(0, deviation);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = T(normal(rng));
    if (i % 7 == 3) values[i] = T(0);
    if (i % 5 == 4) values[i] = values[i - 1];
  }
  return values;
}

template <class T>
std::vector<double> to_double(const std::vector<T>& values) {
  return {values.begin(), values.end()};
}

// Checks that the largest |actual - expected| is at most c eps(T) sqrt(k) times the largest |expected|. k is
// the length of the sum behind an element.
template <class T>
void check_close(const char* what, const std::vector<T>& actual, const std::vector<double>& expected,
                 double k, double c = 16, double eps = double(std::numeric_limits<T>::epsilon()),
                 double scale = 0) {
  REQUIRE(actual.size() == expected.size());
  double worst = 0;
  for (const double e : expected) scale = std::max(scale, std::abs(e));
  for (std::size_t i = 0; i < actual.size(); ++i) {
    const double error = std::abs(double(actual[i]) - expected[i]);
    worst = error <= worst ? worst : error;  // a NaN counts as the worst
  }
  INFO(what << ": worst error " << worst << ", largest value " << scale);
  CHECK(worst <= c * eps * std::sqrt(k) * (scale > 0 ? scale : 1));
}

}  // namespace stillpoint

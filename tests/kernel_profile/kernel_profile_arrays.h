// Arrays of a kernel profile's case on the device: random numbers, labels, and results to be written.
#pragma once
#include "tests/support/device_array.h"

namespace stillpoint::profile {

// Owns the arrays, which live as long as the case.
class Arrays {
 public:
  Array drawn(std::int64_t n, double deviation = 1) { return keep(random_values<float>(rng_, n, deviation)); }
  Array positive(std::int64_t n) {
    std::vector<float> values = random_values<float>(rng_, n);
    for (float& v : values) v = v * v + 1;
    return keep(values);
  }
  Array result(std::int64_t n) { return keep(unwritten<float>(n)); }
  Array zeros(std::int64_t n) { return keep(std::vector<float>(std::size_t(n))); }
  Array labels(std::int64_t n, int classes) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(n));
    for (auto& v : values) v = std::int32_t(rng_() % unsigned(classes));
    ints_.emplace_back(Device::cuda, values);
    return ints_.back().array();
  }

 private:
  Array keep(const std::vector<float>& values) {
    floats_.emplace_back(Device::cuda, values);
    return floats_.back().array();
  }
  std::mt19937 rng_{11};
  std::vector<DeviceArray<float>> floats_;
  std::vector<DeviceArray<std::int32_t>> ints_;
};

}  // namespace stillpoint::profile

// Random fills: element i of stream s under a seed is the same number on every device, for any number of
// threads.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

struct RandomKey {
  std::uint64_t seed, stream;
};
// U[low, high)
void fill_uniform(const Array& y, RandomKey key, double low, double high);
// N(mean, deviation^2) by Box-Muller, computed in float64 whatever y's type, so that devices agree.
void fill_normal(const Array& y, RandomKey key, double mean, double deviation);

}  // namespace stillpoint::kernels

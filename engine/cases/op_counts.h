// Counts of an op's operations from the shapes of its inputs, for the table of cases and for the benchmark.
#pragma once
#include <algorithm>
#include <functional>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

using Shapes = std::vector<Shape>;
using Count = std::function<double(const Shapes& inputs)>;

// So many operations per element of the first input. A root or an exponential is one.
inline Count per_element(double operations) {
  return [operations](const Shapes& in) { return operations * double(count(in[0])); };
}

// Multiply-adds along one axis of a convolution, without those on a border of zeros.
inline double inside_products(Index size, Index taps, Index padding, Index stride) {
  double total = 0;
  for (Index at = -padding; at + taps <= size + padding; at += stride)
    total += double(std::min(at + taps, size) - std::max<Index>(at, 0));
  return total;
}

// Multiply-adds of a causal convolution per pair of channels. Taps before the start do not count.
inline double causal_products(Index length, Index taps, Index dilation) {
  double total = 0;
  for (Index j = 0; j < taps; ++j) total += double(std::max<Index>(0, length - j * dilation));
  return total;
}

}  // namespace stillpoint

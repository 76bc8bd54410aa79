// Computes ticks and labels, and thins curves.
#include "tasks/drawing/scale.h"

#include <algorithm>
#include <cmath>

#include "tasks/io/numbers.h"

namespace stillpoint::drawing {
std::vector<double> linear_ticks(double low, double high, std::size_t most) {
  if (!(high > low)) return {low};
  if (!std::isfinite(high - low)) return {};
  // Powers of ten are integers, because multiples of a rounded 0.1 drift away from their labels.
  int power = int(std::floor(std::log10((high - low) / double(most)))) - 1;
  for (;; ++power) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double scale = std::pow(10.0, std::abs(power));
      const double step = power < 0 ? factor / scale : factor * scale, slack = 1e-9;
      const double first = std::ceil(low / step - slack), last = std::floor(high / step + slack);
      if (!(last - first + 1 <= double(most))) continue;
      std::vector<double> ticks;
      for (int i = 0; double(i) <= last - first; ++i) {  // for large values, first + 1 may equal first
        const double k = first + i;
        ticks.push_back(power < 0 ? k * factor / scale : k * factor * scale);
      }
      return ticks;
    }
  }
}

std::vector<double> log_ticks(double low, double high, std::size_t most) {
  const double slack = 1e-9;
  const int first = int(std::ceil(std::log10(low) - slack)), last = int(std::floor(std::log10(high) + slack));
  const int decades = last - first + 1;
  std::vector<double> ticks;
  if (decades >= 3) {
    const int stride = (decades + int(most) - 1) / int(most);
    for (int power = first; power <= last; power += stride) ticks.push_back(std::pow(10.0, power));
    return ticks;
  }
  for (int power = first - 1; power <= last; ++power)
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = factor * std::pow(10.0, power);
      if (tick >= low * (1 - slack) && tick <= high * (1 + slack)) ticks.push_back(tick);
    }
  return ticks;
}

std::vector<std::string> tick_labels(const std::vector<double>& ticks, bool log) {
  double largest = 0, smallest = INFINITY;
  for (const double tick : ticks) {
    largest = std::max(largest, std::abs(tick));
    if (tick != 0) smallest = std::min(smallest, std::abs(tick));
  }
  const bool plain = largest < 1e6 && (smallest >= 9.9e-5 || smallest == INFINITY);
  std::vector<std::string> labels;
  for (const double tick : ticks) {
    int decimals = 0;
    for (const double other : log ? std::vector<double>{tick} : ticks)
      while (decimals < 6 &&
             std::abs(other * std::pow(10.0, decimals) - std::round(other * std::pow(10.0, decimals))) > 1e-6)
        ++decimals;
    labels.push_back(tick == 0 ? "0"
                               : typeset(plain ? format_fixed(tick, decimals) : format_scientific(tick, 4)));
  }
  return labels;
}

bool spans_decades(const std::vector<double>& values) {
  double low = INFINITY, high = 0;
  for (const double v : values) {
    if (!std::isfinite(v)) continue;
    if (v <= 0) return false;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  return high >= 100 * low;
}

std::vector<std::size_t> thinned(const std::vector<double>& y, std::size_t most) {
  std::vector<std::size_t> kept;
  const std::size_t n = y.size();
  if (n <= most) {
    for (std::size_t i = 0; i < n; ++i) kept.push_back(i);
    return kept;
  }
  const std::size_t buckets = (most - 2) / 3;
  kept.push_back(0);
  for (std::size_t b = 0; b < buckets; ++b) {
    const std::size_t begin = 1 + (n - 2) * b / buckets, end = 1 + (n - 2) * (b + 1) / buckets;
    std::size_t low = n, high = n, gap = n;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(y[i])) {
        gap = std::min(gap, i);
        continue;
      }
      if (low == n || y[i] < y[low]) low = i;
      if (high == n || y[i] > y[high]) high = i;
    }
    std::vector<std::size_t> of_bucket{low, high, gap};
    std::sort(of_bucket.begin(), of_bucket.end());
    for (const std::size_t i : of_bucket)
      if (i < n && i > kept.back()) kept.push_back(i);
  }
  kept.push_back(n - 1);
  return kept;
}

}  // namespace stillpoint::drawing

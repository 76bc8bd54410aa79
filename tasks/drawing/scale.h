// Computes round ticks and labels for axes, and thins curves to what a figure can show.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace stillpoint::drawing {

// Returns at most `most` (2 or more) multiples of 1, 2 or 5 times a power of ten within [low, high].
std::vector<double> linear_ticks(double low, double high, std::size_t most);
// Returns the decades within [low, high], 0 < low; only every second (third, ...) one if there are more than
// `most`, and also 2 and 5 times each decade if there are fewer than three.
std::vector<double> log_ticks(double low, double high, std::size_t most);
// Returns a label per tick with as many decimals as all of them need, or each of its own if the axis is
// logarithmic: 5,000; 0.25; 2e-5 as 2·10⁻⁵.
std::vector<std::string> tick_labels(const std::vector<double>& ticks, bool log);

// Returns whether an axis should be logarithmic: all finite values are positive and span two decades or more.
bool spans_decades(const std::vector<double>& values);

// Returns the ascending indices of at most `most` (5 or more) points to draw: the first, the last, and from
// every bucket the lowest, the highest and one that is not finite, so that extremes and gaps stay.
std::vector<std::size_t> thinned(const std::vector<double>& y, std::size_t most);

}  // namespace stillpoint::drawing

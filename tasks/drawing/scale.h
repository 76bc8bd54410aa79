// Axes: round ticks, their labels, and curves thinned to what a figure can show.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace stillpoint::report {

// Multiples of 1, 2 or 5 times a power of ten within [low, high], at most `most` (2 or more) of them.
std::vector<double> linear_ticks(double low, double high, std::size_t most);
// Decades within [low, high], 0 < low, each second (third, ...) one where they are more than `most`; with 2
// and 5 times a decade where fewer than three decades lie within.
std::vector<double> log_ticks(double low, double high, std::size_t most);
// A label per tick with as many decimals as all of them need: 5,000; 0.25; 2e-5 as 2·10⁻⁵.
std::vector<std::string> tick_labels(const std::vector<double>& ticks);

// 80,466
std::string grouped(long long number);
// Four significant digits: 5,064; 0.9933; 1.2·10⁻⁵; a dash for what is not finite.
std::string readable(double value);

// Whether an axis should be logarithmic: all values (the finite ones) positive, over two decades or more.
bool spans_decades(const std::vector<double>& values);

// Indices, ascending, of at most `most` (5 or more) points to draw: the first, the last, and of every bucket
// of neighbours the lowest, the highest, and one that is not finite, so that extremes and gaps stay.
std::vector<std::size_t> thinned(const std::vector<double>& y, std::size_t most);

}  // namespace stillpoint::report

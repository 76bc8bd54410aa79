// Fits axes and draws them.
#include "tasks/drawing/frame.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tasks/drawing/lettering.h"
#include "tasks/drawing/scale.h"
#include "tasks/io/numbers.h"

namespace stillpoint::drawing {
namespace {

constexpr std::size_t most_ticks = 6;
// They keep the length of an axis finite, and both ends of a logarithmic one normal numbers.
constexpr double largest = 1e300, largest_log = 1e280;
constexpr double margin = 0.04;  // of the length, at both ends

// Gives an axis with only one value a length: extends it to 0, or by an octave both ways if logarithmic.
void widen(Axis& axis) {
  const double rounding = 1e-12 * std::max(std::abs(axis.low), std::abs(axis.high));
  if (axis.high - axis.low > rounding) return;
  if (axis.log) {
    axis.low /= 2;
    axis.high *= 2;
    return;
  }
  const double value = axis.low;
  axis.low = std::min(value, 0.0);
  axis.high = value == 0 ? 1 : std::max(value, 0.0);
}

void add_margin(Axis& axis) {
  if (axis.log) {
    const double factor = std::exp(margin * (std::log(axis.high) - std::log(axis.low)));
    axis.low /= factor;
    axis.high *= factor;
    return;
  }
  const double length = axis.high - axis.low;
  const bool from_zero = axis.low >= 0 && axis.low < 0.25 * axis.high;
  const bool to_zero = axis.high <= 0 && axis.high > 0.25 * axis.low;
  axis.low = from_zero ? 0 : axis.low - margin * length;
  axis.high = to_zero ? 0 : axis.high + margin * length;
}

void set_ticks(Axis& axis, std::vector<double> wanted) {
  const bool chosen_here = wanted.empty();
  if (chosen_here && axis.log) wanted = log_ticks(axis.low, axis.high, most_ticks);
  std::erase_if(wanted, [&](double tick) { return !(tick >= axis.low && tick <= axis.high); });
  if (wanted.size() < (chosen_here ? 3 : 1)) wanted = linear_ticks(axis.low, axis.high, most_ticks);
  axis.labels = tick_labels(wanted, axis.log);
  axis.ticks = std::move(wanted);
}

bool collide(const Axis& x) {
  for (std::size_t i = 1; i < x.ticks.size(); ++i)
    if (x(x.ticks[i]) - x(x.ticks[i - 1]) < (width_of(x.labels[i]) + width_of(x.labels[i - 1])) / 2 + 6)
      return true;
  return false;
}

void write_line(HtmlWriter& out, const char* css, double x1, double y1, double x2, double y2) {
  out.empty("line",
            {{"class", css}, {"x1", place(x1)}, {"y1", place(y1)}, {"x2", place(x2)}, {"y2", place(y2)}});
}

void write_label(HtmlWriter& out, double x, double y, const char* anchor, const std::string& text) {
  out.leaf("text", text, {{"x", place(x)}, {"y", place(y)}, {"text-anchor", anchor}});
}

}  // namespace

std::string place(double value) {
  std::string out = format_fixed(value, 1);
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

bool Axis::shows(double value) const { return std::isfinite(value) && (!log || value > 0); }

double Axis::operator()(double value) const {
  const double share = log ? (std::log(value) - std::log(low)) / (std::log(high) - std::log(low))
                           : (value - low) / (high - low);
  return from + std::clamp(share, 0.0, 1.0) * (to - from);
}

void Axis::resize(double new_from, double new_to) {
  from = new_from;
  to = new_to;
  while (to > from && collide(*this)) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < ticks.size(); i += 2, ++kept) {
      ticks[kept] = ticks[i];
      labels[kept] = labels[i];
    }
    ticks.resize(kept);
    labels.resize(kept);
  }
}

Axis fitted(const AxisOptions& options, const std::vector<double>& values) {
  Axis axis{.low = INFINITY, .high = -INFINITY};
  axis.log =
      options.scale == Scale::logarithmic || (options.scale == Scale::by_values && spans_decades(values));
  for (const double value : values) {
    if (!axis.shows(value)) continue;
    axis.low = std::min(axis.low, value);
    axis.high = std::max(axis.high, value);
  }
  if (axis.low > axis.high) return axis;
  const double most = axis.log ? largest_log : largest, least = axis.log ? 1 / most : -most;
  axis.low = std::clamp(axis.low, least, most);
  axis.high = std::clamp(axis.high, least, most);
  widen(axis);
  add_margin(axis);
  set_ticks(axis, options.ticks);
  return axis;
}

double label_width(const Axis& y) {
  double widest = 0;
  for (const std::string& label : y.labels) widest = std::max(widest, width_of(label));
  return widest;
}

void write_axes(HtmlWriter& out, const Axis& x, const Axis& y, double width, bool x_grid) {
  const auto group = out.open("g", {{"class", "axes"}});
  for (std::size_t i = 0; i < y.ticks.size(); ++i) {
    const double at = y(y.ticks[i]);
    write_line(out, "grid-line", x.from, at, x.to, at);
    write_label(out, x.from - 7, at + 4, "end", y.labels[i]);
  }
  for (std::size_t i = 0; i < x.ticks.size(); ++i) {
    const double at = x(x.ticks[i]), half = width_of(x.labels[i]) / 2;
    if (x_grid)
      write_line(out, "grid-line", at, y.from, at, y.to);
    else
      write_line(out, "tick", at, y.from, at, y.from + 4);
    write_label(out, std::clamp(at, half, std::max(half, width - half)), y.from + 18, "middle", x.labels[i]);
  }
  write_line(out, "base", x.from, y.from, x.to, y.from);
}

}  // namespace stillpoint::drawing

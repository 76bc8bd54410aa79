// Draws axes, ticks and the grid.
#include "tasks/report/frame.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tasks/drawing/scale.h"

namespace stillpoint::report {
namespace {

constexpr std::size_t most_x_ticks = 6, most_y_ticks = 6;

std::vector<double> ticks_of(const Axis& axis, std::size_t most) {
  return axis.log ? log_ticks(axis.low, axis.high, most) : linear_ticks(axis.low, axis.high, most);
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
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  std::string out = text;
  if (out.ends_with(".0")) out.resize(out.size() - 2);
  return out == "-0" ? "0" : out;
}

double Axis::operator()(double value) const {
  const double share = log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  return from + share * (to - from);
}

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

void write_axes(HtmlWriter& out, const Axis& x, const Axis& y, const std::string& x_label,
                const std::string& y_label, bool x_grid) {
  const auto group = out.open("g", {{"class", "axes"}});
  const std::vector<double> x_ticks = ticks_of(x, most_x_ticks), y_ticks = ticks_of(y, most_y_ticks);
  const std::vector<std::string> x_labels = tick_labels(x_ticks), y_labels = tick_labels(y_ticks);
  for (std::size_t i = 0; i < y_ticks.size(); ++i) {
    write_line(out, "grid-line", x.from, y(y_ticks[i]), x.to, y(y_ticks[i]));
    write_label(out, x.from - 7, y(y_ticks[i]) + 4, "end", y_labels[i]);
  }
  for (std::size_t i = 0; i < x_ticks.size(); ++i) {
    const double at = x(x_ticks[i]);
    if (x_grid)
      write_line(out, "grid-line", at, y.from, at, y.to);
    else
      write_line(out, "tick", at, y.from, at, y.from + 4);
    write_label(out, at, y.from + 18, "middle", x_labels[i]);
  }
  write_line(out, "base", x.from, y.from, x.to, y.from);
  out.leaf("text", x_label,
           {{"class", "axis-name"}, {"x", place(x.to)}, {"y", place(y.from + 34)}, {"text-anchor", "end"}});
  if (!y_label.empty())
    out.leaf("text", y_label, {{"class", "axis-name"}, {"x", "0"}, {"y", place(y.to - 9)}});
}

}  // namespace stillpoint::report

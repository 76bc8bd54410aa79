// Writes line charts: curves, marks, read-outs and the legend.
#include "tasks/drawing/chart.h"

#include <algorithm>
#include <cmath>

#include "kernels/device/error.h"
#include "tasks/drawing/scale.h"
#include "tasks/report/frame.h"

namespace stillpoint::report {
namespace {

constexpr double width = 400, left = 52, right = 12;
constexpr std::size_t few_points = 30;  // with at most so many points, each gets a mark
constexpr std::size_t read_outs = 32;   // strips that show their values when the pointer is on them

Axis x_axis_of(const LineChart& chart) {
  Axis axis{.low = INFINITY, .high = -INFINITY, .from = left, .to = width - right};
  for (const Line& line : chart.lines)
    for (const double x : line.x) {
      axis.low = std::min(axis.low, x);
      axis.high = std::max(axis.high, x);
    }
  axis.low = std::min(axis.low, 0.0);  // training begins at 0
  widen(axis);
  return axis;
}

Axis y_axis_of(const LineChart& chart) {
  Axis axis{.low = INFINITY, .high = -INFINITY, .from = 202, .to = 12};
  std::vector<double> all;
  for (const Line& line : chart.lines) all.insert(all.end(), line.y.begin(), line.y.end());
  axis.log = spans_decades(all);
  for (const double y : all) {
    if (!std::isfinite(y)) continue;
    axis.low = std::min(axis.low, y);
    axis.high = std::max(axis.high, y);
  }
  if (!std::isfinite(axis.low)) return axis;
  axis.low = std::max(axis.low, -1e300);  // keeps the length of the axis finite
  axis.high = std::min(axis.high, 1e300);
  widen(axis);
  if (axis.log) return axis;
  const double margin = 0.04 * (axis.high - axis.low);
  const bool from_zero = axis.low >= 0 && axis.low < 0.25 * axis.high;
  axis.low = from_zero ? 0 : axis.low - margin;
  axis.high += margin;
  return axis;
}

// Returns path data. A gap lifts the pen; a single point between gaps becomes a dot of the line's round ends.
std::string path_of(const Line& line, const Axis& x, const Axis& y) {
  std::string path;
  std::size_t points = 0;  // drawn since the pen came down
  for (const std::size_t i : thinned(line.y, most_vertices)) {
    if (!std::isfinite(line.y[i])) {
      if (points == 1) path += "h0";
      points = 0;
      continue;
    }
    path += points++ == 0 ? 'M' : ' ';
    path += place(x(line.x[i])) + ' ' + place(y(line.y[i]));
  }
  if (points == 1) path += "h0";
  return path;
}

void write_curve(HtmlWriter& out, const Line& line, const Axis& x, const Axis& y) {
  const std::string path = path_of(line, x, y);
  if (path.empty()) return;
  const auto group = out.open("g", {{"class", "curve " + series_class(line.style)}});
  out.empty("path", {{"d", path}});
  if (line.x.size() > few_points) return;
  for (std::size_t i = 0; i < line.x.size(); ++i)
    if (std::isfinite(line.y[i]))
      out.empty("circle", {{"cx", place(x(line.x[i]))}, {"cy", place(y(line.y[i]))}, {"r", "2.2"}});
}

// Returns the values of the line's point nearest to x, if that lies within `reach`.
std::string read_out(const Line& line, double x, double reach) {
  std::size_t nearest = line.x.size();
  for (std::size_t i = 0; i < line.x.size(); ++i)
    if (nearest == line.x.size() || std::abs(line.x[i] - x) < std::abs(line.x[nearest] - x)) nearest = i;
  if (nearest == line.x.size() || std::abs(line.x[nearest] - x) > reach) return "";
  const double value = line.y[nearest];
  return text("\n", line.label, ": ", std::isfinite(value) ? readable(value) : "not finite", " at ",
              readable(line.x[nearest]));
}

void write_read_outs(HtmlWriter& out, const LineChart& chart, const Axis& x, const Axis& y) {
  const auto group = out.open("g", {{"class", "read-outs"}});
  const double strip = (x.high - x.low) / double(read_outs);
  for (std::size_t k = 0; k < read_outs; ++k) {
    const double from = x.low + double(k) * strip;
    std::string values;
    for (const Line& line : chart.lines) values += read_out(line, from + strip / 2, 1.5 * strip);
    if (values.empty()) continue;
    const auto rect = out.open("rect", {{"x", place(x(from))},
                                        {"y", place(y.to)},
                                        {"width", place(x(from + strip) - x(from))},
                                        {"height", place(y.from - y.to)}});
    out.leaf("title", chart.title + " by " + chart.x_label + values);
  }
}

double last_finite(const std::vector<double>& values) {
  const auto found = std::find_if(values.rbegin(), values.rend(), [](double v) { return std::isfinite(v); });
  return found == values.rend() ? NAN : *found;
}

std::string spoken(const LineChart& chart) {
  std::string out = chart.title + " by " + chart.x_label;
  const char* separator = "; last values: ";
  for (const Line& line : chart.lines) {
    out += separator + line.label + " " + readable(last_finite(line.y));
    separator = ", ";
  }
  return out;
}

void write_legend(HtmlWriter& out, const LineChart& chart) {
  const auto list = out.open("ul", {{"class", "legend"}});
  for (const Line& line : chart.lines) {
    const auto item = out.open("li");
    write_swatch(out, line.style);
    out.leaf("span", line.label, {{"class", "label"}});
    out.leaf("span", readable(last_finite(line.y)), {{"class", "last"}});
  }
}

}  // namespace

std::string series_class(std::size_t k) { return text("c", k % 6, " d", k % 5); }

void write_swatch(HtmlWriter& out, std::size_t k) {
  const auto svg = out.open(
      "svg",
      {{"class", "swatch curve " + series_class(k)}, {"viewBox", "0 0 26 8"}, {"aria-hidden", "true"}});
  out.empty("path", {{"d", "M1 4 H25"}});
}

void write_line_chart(HtmlWriter& out, const LineChart& chart) {
  const auto figure = out.open("figure", {{"class", chart.css}});
  const Axis y = y_axis_of(chart);
  {
    const auto caption = out.open("figcaption");
    out.text(chart.title);
    if (y.log) out.leaf("span", "log scale", {{"class", "note"}});
  }
  if (!std::isfinite(y.low)) {
    out.leaf("p", "No finite value to draw.", {{"class", "note"}});
    return;
  }
  const Axis x = x_axis_of(chart);
  {
    const auto svg = out.open(
        "svg",
        {{"class", "chart"}, {"viewBox", "0 0 400 240"}, {"role", "img"}, {"aria-label", spoken(chart)}});
    write_axes(out, x, y, chart.x_label, "", false);
    for (const Line& line : chart.lines) write_curve(out, line, x, y);
    write_read_outs(out, chart, x, y);
  }
  write_legend(out, chart);
}

}  // namespace stillpoint::report

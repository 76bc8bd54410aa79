// Lays charts out and writes them.
#include "tasks/drawing/chart.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/io/files.h"
#include "kernels/device/error.h"
#include "tasks/drawing/csv.h"
#include "tasks/drawing/labels.h"
#include "tasks/drawing/lettering.h"
#include "tasks/drawing/scale.h"
#include "tasks/drawing/style.h"
#include "tasks/io/numbers.h"

namespace stillpoint::drawing {
namespace {

constexpr double chart_width = 400, right = 8, line_height = 19;
constexpr double screen = 1.2;          // pixels per unit of a file
constexpr std::size_t few_points = 30;  // with at most so many points, each of a line gets a mark
constexpr std::size_t read_outs = 32;   // strips that show their values when the pointer is on them

struct Layout {
  std::vector<std::string> title;
  Axis x, y;
  bool empty = false;  // no point to draw
  PointNames names = {};
  Legend legend = {};
  double height = 0;
};

std::vector<double> all_of(const Chart& chart, std::vector<double> Series::*values) {
  std::vector<double> all;
  for (const Series& series : chart.series)
    all.insert(all.end(), (series.*values).begin(), (series.*values).end());
  return all;
}

// Fits both axes to the unit circle and to all values.
Axis plane_axis(const Chart& chart) {
  double reach = 1.06;
  for (const auto values : {&Series::x, &Series::y})
    for (const double v : all_of(chart, values))
      if (std::isfinite(v)) reach = std::max(reach, std::abs(v));
  return fitted({}, {-reach, reach});
}

// Many names need more room.
double plot_height(const Chart& chart) {
  std::size_t names = 0;
  for (const Series& series : chart.series)
    names += series.names.size() - std::size_t(std::count(series.names.begin(), series.names.end(), ""));
  return std::min(190 + 6 * double(names), 430.0);
}

bool has_point(const Chart& chart, const Axis& x, const Axis& y) {
  for (const Series& series : chart.series)
    for (std::size_t i = 0; i < series.x.size(); ++i)
      if (x.shows(series.x[i]) && y.shows(series.y[i])) return true;
  return false;
}

Layout layout_of(const Chart& chart) {
  Layout layout{.title = wrapped(chart.title, chart_width / 1.06, title_letters), .x = {}, .y = {}};
  layout.x = chart.unit_circle ? plane_axis(chart) : fitted(chart.x, all_of(chart, &Series::x));
  layout.y = chart.unit_circle ? layout.x : fitted(chart.y, all_of(chart, &Series::y));
  const double below_title = line_height * double(layout.title.size());
  layout.empty = !chart.unit_circle && !has_point(chart, layout.x, layout.y);
  if (layout.empty) {
    layout.height = below_title + line_height + 4;
    return layout;
  }
  const double left = std::max(26.0, label_width(layout.y) + 9);
  const double top = below_title + (chart.y.name.empty() ? 0 : line_height) + 8;
  layout.x.resize(left, chart_width - right);
  layout.y.resize(top + (chart.unit_circle ? chart_width - right - left : plot_height(chart)), top);
  layout.names = names_of(chart, layout.x, layout.y);
  const double below_axis = layout.y.from + 24 + (chart.x.name.empty() ? 0 : 15);
  layout.legend = legend_of(chart, layout.names.key, below_axis, chart_width);
  layout.height = layout.legend.bottom;
  return layout;
}

std::string point(double x, double y) { return text(place(x), " ", place(y)); }

// Returns path data. A gap lifts the pen; a single point between gaps becomes a dot of the line's round ends.
std::string path_of(const Series& series, const Axis& x, const Axis& y) {
  std::string path;
  std::size_t points = 0;  // drawn since the pen came down
  double last = 0;
  for (const std::size_t i : thinned(series.y, most_vertices)) {
    if (!x.shows(series.x[i]) || !y.shows(series.y[i])) {
      if (points == 1) path += "h0";
      points = 0;
      continue;
    }
    const double at = x(series.x[i]), high = y(series.y[i]);
    if (points > 0 && series.look == Look::steps) path += text(" ", point(at, last));
    path += points++ == 0 ? 'M' : ' ';
    path += point(at, high);
    last = high;
  }
  if (points == 1) path += "h0";
  return path;
}

void write_line(HtmlWriter& out, const Series& series, const Axis& x, const Axis& y) {
  const std::string path = path_of(series, x, y);
  if (path.empty()) return;
  const auto group = out.open("g", {{"class", "curve " + series_class(series.style)}});
  out.empty("path", {{"d", path}});
  if (series.look != Look::line || series.x.size() > few_points) return;
  for (std::size_t i = 0; i < series.x.size(); ++i)
    if (x.shows(series.x[i]) && y.shows(series.y[i]))
      out.empty("circle", {{"cx", place(x(series.x[i]))}, {"cy", place(y(series.y[i]))}, {"r", "2.2"}});
}

void write_points(HtmlWriter& out, const Series& series, const Axis& x, const Axis& y) {
  for (std::size_t i = 0; i < series.x.size(); ++i)
    if (x.shows(series.x[i]) && y.shows(series.y[i]))
      write_mark(out, series.style, x(series.x[i]), y(series.y[i]),
                 i < series.titles.size() ? series.titles[i] : "");
}

// Returns for each strip the point of the line that is nearest to its middle, or -1 if none is near.
std::array<std::ptrdiff_t, read_outs> nearest_points(const Series& line, const Axis& x) {
  std::array<std::ptrdiff_t, read_outs> nearest;
  nearest.fill(-1);
  const double strip = (x.to - x.from) / double(read_outs);
  for (std::size_t i = 0; i < line.x.size(); ++i) {
    if (!x.shows(line.x[i])) continue;
    const double at = (x(line.x[i]) - x.from) / strip;
    const auto distance = [&](std::ptrdiff_t k, double place_in_strips) {
      return std::abs(place_in_strips - double(k) - 0.5);
    };
    for (std::ptrdiff_t k = std::ptrdiff_t(at) - 1; k <= std::ptrdiff_t(at) + 1; ++k) {
      if (k < 0 || k >= std::ptrdiff_t(read_outs)) continue;
      std::ptrdiff_t& best = nearest[std::size_t(k)];
      if (best < 0 || distance(k, at) < distance(k, (x(line.x[std::size_t(best)]) - x.from) / strip))
        best = std::ptrdiff_t(i);
    }
  }
  return nearest;
}

void write_read_outs(HtmlWriter& out, const Chart& chart, const Axis& x, const Axis& y) {
  std::array<std::string, read_outs> values;
  for (const Series& line : chart.series) {
    if (line.look == Look::points || line.look == Look::limit || line.label.empty()) continue;
    const auto nearest = nearest_points(line, x);
    for (std::size_t k = 0; k < read_outs; ++k) {
      if (nearest[k] < 0) continue;
      const double value = line.y[std::size_t(nearest[k])];
      values[k] += text("\n", line.label, ": ", std::isfinite(value) ? readable(value) : "not finite", " at ",
                        readable(line.x[std::size_t(nearest[k])]));
    }
  }
  const double strip = (x.to - x.from) / double(read_outs);
  const auto group = out.open("g", {{"class", "read-outs"}});
  for (std::size_t k = 0; k < read_outs; ++k) {
    if (values[k].empty()) continue;
    const auto rect = out.open("rect", {{"x", place(x.from + double(k) * strip)},
                                        {"y", place(y.to)},
                                        {"width", place(strip)},
                                        {"height", place(y.from - y.to)}});
    out.leaf("title", chart.title + " by " + chart.x.name + values[k]);
  }
}

std::string spoken(const Chart& chart) {
  std::string out =
      chart.title +
      (chart.unit_circle ? ", eigenvalues on the complex plane with the unit circle" : " by " + chart.x.name);
  const char* separator = ": ";
  for (const Series& series : chart.series) {
    if (series.label.empty()) continue;
    out += separator + series.label + (series.note.empty() ? "" : " " + series.note);
    separator = ", ";
  }
  return out;
}

void write_contents(HtmlWriter& out, const Chart& chart, const Layout& layout) {
  const Axis &x = layout.x, &y = layout.y;
  for (std::size_t i = 0; i < layout.title.size(); ++i)
    out.leaf("text", layout.title[i],
             {{"class", "title"}, {"x", "0"}, {"y", place(line_height * double(i + 1) - 5)}});
  if (layout.empty) {
    out.leaf("text", "No finite value to draw.", {{"x", "0"}, {"y", place(layout.height - 8)}});
    return;
  }
  if (!chart.y.name.empty()) out.leaf("text", chart.y.name, {{"x", "0"}, {"y", place(y.to - 11)}});
  if (!chart.x.name.empty())
    out.leaf("text", chart.x.name, {{"x", place(x.to)}, {"y", place(y.from + 34)}, {"text-anchor", "end"}});
  write_axes(out, x, y, chart_width, chart.unit_circle);
  if (chart.unit_circle)
    out.empty("circle",
              {{"class", "unit"}, {"cx", place(x(0))}, {"cy", place(y(0))}, {"r", place(x(1) - x(0))}});
  for (const Series& series : chart.series)
    if (series.look != Look::points) write_line(out, series, x, y);
  if (!chart.unit_circle) write_read_outs(out, chart, x, y);
  for (const Series& series : chart.series)
    if (series.look == Look::points) write_points(out, series, x, y);
  for (const PointName& name : layout.names.placed)
    out.leaf("text", name.text, {{"class", "name"}, {"x", place(name.x)}, {"y", place(name.y)}});
  write_legend(out, layout.legend);
}

void check_chart(const Chart& chart) {
  for (const Series& series : chart.series) {
    require(series.x.size() == series.y.size(), "chart '", chart.title, "': series '", series.label, "' has ",
            series.x.size(), " x and ", series.y.size(), " y, expected as many of both");
    require(series.names.empty() || series.names.size() == series.x.size(), "chart '", chart.title,
            "': series '", series.label, "' has ", series.names.size(), " names and ", series.x.size(),
            " points, expected as many of both");
  }
}

// Returns the height.
double write_svg(HtmlWriter& out, const Chart& chart, const Attributes& attributes) {
  check_chart(chart);
  const Layout layout = layout_of(chart);
  Attributes all{{"class", "chart"},
                 {"viewBox", "0 0 " + point(chart_width, layout.height)},
                 {"role", "img"},
                 {"aria-label", spoken(chart)}};
  all.insert(all.end(), attributes.begin(), attributes.end());
  if (!attributes.empty()) all.push_back({"height", place(layout.height)});
  const auto svg = out.open("svg", all);
  write_contents(out, chart, layout);
  return layout.height;
}

}  // namespace

std::string series_class(std::size_t k) { return text("c", k % 6, " d", k % 5); }

void write_swatch(HtmlWriter& out, std::size_t k) {
  const auto svg = out.open(
      "svg",
      {{"class", "swatch curve " + series_class(k)}, {"viewBox", "0 0 26 8"}, {"aria-hidden", "true"}});
  out.empty("path", {{"d", "M1 4 H25"}});
}

void write_chart(HtmlWriter& out, const Chart& chart) { write_svg(out, chart, {}); }

std::string svg_of(const std::vector<Chart>& charts) {
  constexpr double border = 10;
  HtmlWriter panels;
  double height = border;
  for (const Chart& chart : charts)
    height += border + write_svg(panels, chart,
                                 {{"x", place(border)}, {"y", place(height)}, {"width", place(chart_width)}});
  HtmlWriter out;
  {
    const auto svg = out.open("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
                                      {"viewBox", "0 0 " + point(chart_width + 2 * border, height)},
                                      {"width", place(screen * (chart_width + 2 * border))},
                                      {"height", place(screen * height)}});
    out.leaf("style", chart_style());
    out.empty("rect", {{"class", "paper"}, {"width", "100%"}, {"height", "100%"}});
    out.raw(panels.html());
  }
  return out.html();
}

void write_figure(const std::filesystem::path& folder, const std::string& name, const Chart& chart) {
  write_atomically(folder / (name + ".svg"), svg_of({chart}));
  write_atomically(folder / (name + ".csv"), csv_of(chart));
}

}  // namespace stillpoint::drawing

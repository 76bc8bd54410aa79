// Charts as SVG: lines, steps and points on linear or logarithmic axes, inside a page or as a file.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/drawing/frame.h"
#include "tasks/drawing/html.h"

namespace stillpoint::drawing {

// steps: the value stays until the next x; limit: a line through points that are not data.
enum class Look { line, steps, limit, points };

struct Series {
  std::string label;      // in the legend; empty: not there
  std::string note = {};  // beside the label: the last value, a count
  std::size_t style = 0;  // for series_class, and for the shape of marks
  Look look = Look::line;
  std::vector<double> x, y = {};         // a point without a place on an axis is a gap
  std::vector<std::string> names = {};   // per point, beside it, or below the chart if there is no room
  std::vector<std::string> titles = {};  // per point, shown if the pointer is on its mark
};

struct Chart {
  std::string title;
  AxisOptions x, y;
  std::vector<Series> series = {};
  bool unit_circle = false;  // the complex plane, whose unit has the same length on both axes
};

constexpr std::size_t most_vertices = 1000;  // per line

// Returns the classes that give the k-th series its colour and dash, the same in all figures and tables of a
// page. Six colours and five dashes give 30 pairs before one repeats.
std::string series_class(std::size_t k);
// Writes a short line in a series' colour and dash, for tables and headings.
void write_swatch(HtmlWriter& out, std::size_t k);

// Writes an svg element, 400 units wide, with title, axes and legend. Its style comes from the page.
void write_chart(HtmlWriter& out, const Chart& chart);
// Returns an SVG file with the charts one below the other, in its own style for light and dark screens.
std::string svg_of(const std::vector<Chart>& charts);
// Writes NAME.svg and its data NAME.csv, with a row per point.
void write_figure(const std::filesystem::path& folder, const std::string& name, const Chart& chart);

}  // namespace stillpoint::drawing

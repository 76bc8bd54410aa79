// Draws figures as inline SVG in the page's colours: lines over steps, and eigenvalues on the complex plane.
#pragma once
#include <complex>
#include <string>
#include <vector>

#include "tasks/report/html.h"

namespace stillpoint::report {

// Returns the colour and dash of the k-th run (or split) of a section, the same in all its figures and
// tables. Six colours and five dashes give 30 pairs before one repeats.
std::string series_class(std::size_t k);
// Writes a short line in a series' colour and dash, for legends and headings.
void write_swatch(HtmlWriter& out, std::size_t k);

struct Line {
  std::string label;
  std::size_t style = 0;  // for series_class
  std::vector<double> x, y;
};

struct LineChart {
  std::string title;    // what the lines are: "valid loss"
  std::string x_label;  // "step", "epoch", "time (min)"
  std::string css;      // a class of the figure
  std::vector<Line> lines;
};

constexpr std::size_t most_vertices = 1000;  // per line

// Writes a figure with a caption, and a legend with last values. Values that are not finite become gaps. The
// y axis is logarithmic if all values are positive and span two decades.
void write_line_chart(HtmlWriter& out, const LineChart& chart);

// Writes a plot of eigenvalues with the unit circle; a unit has the same length on both axes.
void write_plane(HtmlWriter& out, const std::string& title,
                 const std::vector<std::complex<double>>& eigenvalues, double tolerance);

}  // namespace stillpoint::report

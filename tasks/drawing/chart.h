// Figures as inline SVG, drawn with the page's colours: lines over steps, eigenvalues on the complex plane.
#pragma once
#include <complex>
#include <string>
#include <vector>

#include "tasks/report/html.h"

namespace stillpoint::report {

// Colour and dash of the k-th run (or split) of a section, the same in all of its figures and tables. Six
// colours by five dashes: 30 pairs before one repeats.
std::string series_class(std::size_t k);
// A short line in a series' colour and dash, for legends and headings.
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

constexpr std::size_t most_vertices = 1000;  // of a drawn line

// A figure with its caption and a legend with last values. Values that are not finite are gaps; the y axis is
// logarithmic where all values are positive and span two decades.
void write_line_chart(HtmlWriter& out, const LineChart& chart);

// Eigenvalues by their place, with the unit circle; one unit is as long on both axes.
void write_plane(HtmlWriter& out, const std::string& title,
                 const std::vector<std::complex<double>>& eigenvalues, double tolerance);

}  // namespace stillpoint::report

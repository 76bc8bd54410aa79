// The frame of a chart: fits axes to values, maps values to places in the viewBox, and draws grid, ticks and
// labels.
#pragma once
#include <string>
#include <vector>

#include "tasks/drawing/html.h"

namespace stillpoint::drawing {

enum class Scale { linear, logarithmic, by_values };  // by_values: logarithmic if spans_decades()

struct AxisOptions {
  std::string name;  // with its unit: "time (min)"
  Scale scale = Scale::linear;
  std::vector<double> ticks = {};  // empty: round values
};

// Writes a place with one decimal; a unit of the viewBox is about a pixel.
std::string place(double value);

struct Axis {
  double low = 0, high = 1;
  bool log = false;
  double from = 0, to = 1;  // in the viewBox
  std::vector<double> ticks = {};
  std::vector<std::string> labels = {};

  bool shows(double value) const;               // whether it has a place: finite, and positive if logarithmic
  double operator()(double value) const;        // the place, never outside of the axis
  void resize(double new_from, double new_to);  // also leaves out ticks whose labels would collide
};

// Fits an axis to the values that it can show, with a small margin. low > high if there are none.
Axis fitted(const AxisOptions& options, const std::vector<double>& values);

// Returns the width of the labels of ticks at the left of a chart.
double label_width(const Axis& y);

// Writes ticks with labels below (x) and left (y) of the area that the two axes span, grid lines for y, and
// for x if `x_grid`. All of it stays between 0 and `width`.
void write_axes(HtmlWriter& out, const Axis& x, const Axis& y, double width, bool x_grid);

}  // namespace stillpoint::drawing

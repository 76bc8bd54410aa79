// The frame of a figure: maps values to places in its viewBox, and draws grid, ticks and labels.
#pragma once
#include <string>

#include "tasks/report/html.h"

namespace stillpoint::report {

// Writes a place with one decimal; a unit of the viewBox is about a pixel.
std::string place(double value);

struct Axis {
  double low = 0, high = 1;
  bool log = false;
  double from = 0, to = 1;  // in the viewBox
  double operator()(double value) const;
};

// Gives an axis with only one value a length: extends it to 0, or by an octave both ways if logarithmic.
void widen(Axis& axis);

// Writes ticks with labels below (x) and left (y) of the area that the two axes span, grid lines for y, and
// for x if `x_grid`.
void write_axes(HtmlWriter& out, const Axis& x, const Axis& y, const std::string& x_label,
                const std::string& y_label, bool x_grid);

}  // namespace stillpoint::report

// The frame of a figure: from values to places in its viewBox, with grid, ticks and labels.
#pragma once
#include <string>

#include "tasks/report/html.h"

namespace stillpoint::report {

// One decimal of a viewBox unit, which is about a pixel.
std::string place(double value);

struct Axis {
  double low = 0, high = 1;
  bool log = false;
  double from = 0, to = 1;  // of the viewBox
  double operator()(double value) const;
};

// Gives an axis of one value a length: to 0, or where it is logarithmic an octave to both sides.
void widen(Axis& axis);

// Ticks with labels, below (x) or left (y) of the area that the two axes span; grid lines for y, and for x
// where asked.
void write_axes(HtmlWriter& out, const Axis& x, const Axis& y, const std::string& x_label,
                const std::string& y_label, bool x_grid);

}  // namespace stillpoint::report

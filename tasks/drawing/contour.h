// Contour lines of values on a grid, as a series of a chart.
#pragma once
#include <vector>

namespace stillpoint::drawing {

struct Grid {
  std::vector<double> x, y;    // ascending
  std::vector<double> values;  // of (x[j], y[i]) at i * x.size() + j; finite
};
// The points of lines one after the other; a point that is not a number ends each line.
struct ContourLines {
  std::vector<double> x, y;
};
// Returns the lines along which the values, interpolated linearly on the edges of the grid's cells, are
// `level` (marching squares). Closed lines end where they began.
ContourLines contour(const Grid& grid, double level);

}  // namespace stillpoint::drawing

// Maximum pooling over square windows that do not overlap, and the two maps between its values and their
// places.
#pragma once
#include "kernels/device/array.h"
#include "kernels/launch/scalar.h"

namespace stillpoint::kernels {

// x is (planes,H,W), y (planes, H / size, W / size), rounded down: the rows and columns that remain are not
// read.
struct MaxPoolShape {
  std::int64_t planes, height, width, size;
  STILLPOINT_HD std::int64_t out_height() const { return height / size; }
  STILLPOINT_HD std::int64_t out_width() const { return width / size; }
};

// y is the largest value of a window and `place` (int32, y's shape) its place in x's plane, i W + j; of equal
// values it is the first. A NaN counts as the largest.
void max_pool2d(const MaxPoolShape& shape, const Array& x, const Array& y, const Array& place);
// x = y at each place, 0 elsewhere.
void max_pool2d_scatter(const MaxPoolShape& shape, const Array& y, const Array& place, const Array& x);
// y = x at each place: the adjoint of max_pool2d_scatter.
void max_pool2d_gather(const MaxPoolShape& shape, const Array& x, const Array& place, const Array& y);

}  // namespace stillpoint::kernels

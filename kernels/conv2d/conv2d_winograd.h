// Convolutions by Winograd's F(2x2, 3x3): 16 products for a tile of 2 x 2 results instead of 36.
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace stillpoint::kernels {

// Returns whether they serve the shape: they are allowed, and the results are float32 of 3 x 3 taps, stride
// 1, a border of one zero, even sides and enough channels.
bool conv2d_by_winograd(const Conv2dShape& shape, DType dtype);

// They round otherwise than sums of products: errors are up to some units in the last place of the largest
// product. Allowed at start unless $STILLPOINT_WINOGRAD is 0.
bool winograd_allowed();
void allow_winograd(bool allowed);
class ScopedWinograd {
 public:
  explicit ScopedWinograd(bool allowed) : before_(winograd_allowed()) { allow_winograd(allowed); }
  ~ScopedWinograd() { allow_winograd(before_); }
  ScopedWinograd(const ScopedWinograd&) = delete;
  ScopedWinograd& operator=(const ScopedWinograd&) = delete;

 private:
  bool before_;
};

// The contracts are those of conv2d_cpu.h, for float32 arrays with elements; they require conv2d_by_winograd.
void conv2d_winograd(const Conv2dShape& shape, const float* x, const float* w, const float* bias, float* y);
void conv2d_data_adjoint_winograd(const Conv2dShape& shape, const float* y, const float* w, float* x);

}  // namespace stillpoint::kernels

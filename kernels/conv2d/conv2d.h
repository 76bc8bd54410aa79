// Two-dimensional convolution with its two adjoints: a family closed under differentiation.
#pragma once
#include <string>

#include "kernels/device/array.h"
#include "kernels/launch/scalar.h"

namespace stillpoint::kernels {

// x (N,Ci,H,W), w (Co,Ci,Kh,Kw), y (N,Co,Ho,Wo) with Ho = (H + 2 padding - Kh) / stride + 1, rounded down,
// and Wo alike. Let i = stride p + a - padding and j = stride q + b - padding. Terms whose place (i,j) leaves
// the image are 0, or, with a circular border, i and j count modulo H and W (2 padding < Kh and Kw, so that a
// tap reads no place twice):
//   conv    y[n,o,p,q]  = sum_{c,a,b} w[o,c,a,b] x[n,c,i,j]
//   data    x[n,c,i,j]  = sum_{o,a,b} w[o,c,a,b] y[n,o,p,q]
//   weight  w[o,c,a,b]  = sum_{n,p,q} y[n,o,p,q] x[n,c,i,j]
struct Conv2dShape {
  std::int64_t batch, in_channels, out_channels, height, width, kernel_height, kernel_width, stride, padding;
  bool circular;

  STILLPOINT_HD std::int64_t out_height() const {
    return (height + 2 * padding - kernel_height) / stride + 1;
  }
  STILLPOINT_HD std::int64_t out_width() const { return (width + 2 * padding - kernel_width) / stride + 1; }
};
void conv2d(const Conv2dShape& shape, const Array& x, const Array& w, const Array& y);
void conv2d_data_adjoint(const Conv2dShape& shape, const Array& y, const Array& w, const Array& x);
void conv2d_weight_adjoint(const Conv2dShape& shape, const Array& y, const Array& x, const Array& w);

// Returns "convolution <pass> (N,Ci,H,W) by (Co,Ci,Kh,Kw), ..." for the list in
// kernels/device/library_plans.h.
std::string describe_conv2d(const char* pass, const Conv2dShape& shape);

}  // namespace stillpoint::kernels

// Two-dimensional convolution with a bias per output channel.
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace stillpoint::kernels {

// y = conv2d(x, w) + b_o, b (Co).
void conv2d_bias(const Conv2dShape& shape, const Array& x, const Array& w, const Array& b, const Array& y);
// w as in conv2d_weight_adjoint, and b_o = sum_{n,p,q} y[n,o,p,q], in one pass over y if the device has one.
void conv2d_bias_adjoint(const Conv2dShape& shape, const Array& y, const Array& x, const Array& w,
                         const Array& b);

}  // namespace stillpoint::kernels

// Dilated causal convolution over time with its two adjoints: a family closed under differentiation.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// x (N,Ci,T), w (Co,Ci,K), y (N,Co,T); terms whose time index leaves [0,T) are 0 (Bai, Kolter, Koltun 2018):
//   conv    y[n,o,t]  = sum_{c,j} w[o,c,j] x[n,c,t-(K-1-j)d]
//   data    x[n,c,s]  = sum_{o,j} w[o,c,j] y[n,o,s+(K-1-j)d]
//   weight  w[o,c,j]  = sum_{n,t} y[n,o,t] x[n,c,t-(K-1-j)d]
struct Conv1dShape {
  std::int64_t batch, in_channels, out_channels, length, taps, dilation;
};
void conv1d(const Conv1dShape& shape, const Array& x, const Array& w, const Array& y);
void conv1d_data_adjoint(const Conv1dShape& shape, const Array& y, const Array& w, const Array& x);
void conv1d_weight_adjoint(const Conv1dShape& shape, const Array& y, const Array& x, const Array& w);

}  // namespace stillpoint::kernels

// The TCN residual block as one kernel: two weight-normalised dilated causal convolutions, ReLU, residual.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Legend: N batch, Ci input channels, C channels, T length, K taps, d dilation. Weight norm has one gain per
// output channel.
//   w_o   = g_o v_o / ||v_o||
//   (w*x)[n,o,t] = sum_{c,j} w[o,c,j] x[n,c,t-(K-1-j)d], terms with t-(K-1-j)d < 0 are 0
//   a = relu(w1*x + b1),  h = relu(w2*a + b2),  r = x or (down_w x + down_b),  y = relu(h + r)
// Bai, Kolter, Koltun 2018; SIM paper, section on copy memory.
struct TcnBlockShape {
  std::int64_t batch, in_channels, channels, length, taps, dilation;
};

// Parameters or their gradients. down_w (C,Ci), down_b (C) are empty (data null) if Ci == C.
struct TcnBlockWeights {
  Array v1, g1, b1;  // (C,Ci,K), (C), (C)
  Array v2, g2, b2;  // (C,C,K), (C), (C)
  Array down_w, down_b;
};

// x (N,Ci,T) -> y (N,C,T); backward reads a and h (N,C,T) beside x and y. Arrays are all float32 or all
// float64, all on one device; any size works. Results do not depend on the number of threads.
void tcn_block_forward(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                       const Array& a, const Array& h, const Array& y);

// Computes from dy (N,C,T) dx (N,Ci,T), unless its data is null, and every gradient of `grads` (overwritten).
// `mid` holds the a and h of forward.
struct TcnBlockMid {
  Array a, h;
};
void tcn_block_backward(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                        const TcnBlockMid& mid, const Array& y, const Array& dy, const Array& dx,
                        const TcnBlockWeights& grads);

}  // namespace stillpoint::kernels

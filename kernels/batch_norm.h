// Batch normalisation of images followed by ReLU: statistics per channel, values, gradients, running
// statistics.
#pragma once
#include "kernels/array.h"

namespace stillpoint::kernels {

inline constexpr double batch_norm_eps = 1e-5;      // Ioffe, Szegedy 2015, with the customary eps
inline constexpr double batch_norm_momentum = 0.1;  // weight of a batch in the running statistics

// x, y, g, dx are (N,C,P) with P = H W places, everything else is (C); n = N P > 0 values make a statistic.
struct BatchNormShape {
  std::int64_t batch, channels, places;
  std::int64_t values() const { return batch * places; }
};
struct BatchNormParams {
  Array gain, shift, mean, variance;
};

// The mean and the variance about it (divided by n), from differences alone: a large mean cancels nothing.
void batch_norm_statistics(const BatchNormShape& shape, const Array& x, const Array& mean,
                           const Array& variance);

// y = relu(gain_c z + shift_c) with z = (x - mean_c) / sqrt(variance_c + eps).
void batch_norm_relu(const BatchNormShape& shape, const BatchNormParams& params, const Array& x,
                     const Array& y);

// The gradients where mean and variance are those of x; with m = g where y > 0, else 0:
//   dshift_c = sum m,   dgain_c = sum m z,
//   dx = gain_c / sqrt(variance_c + eps) (m - dshift_c / n - z dgain_c / n).
void batch_norm_relu_backward(const BatchNormShape& shape, const BatchNormParams& params, const Array& x,
                              const Array& g, const Array& dx, const Array& dgain, const Array& dshift);

// running = (1 - momentum) running + momentum batch, in place, with the batch's variance made unbiased,
// n / (n - 1) times itself; n > 1. Device work only.
void update_running_statistics(std::int64_t n, const Array& mean, const Array& variance,
                               const Array& running_mean, const Array& running_variance);

}  // namespace stillpoint::kernels

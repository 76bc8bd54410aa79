// Batch normalisation of images, then ReLU, then maximum pooling where asked for: statistics per channel,
// values, gradients, running statistics. Where ranks share the batch (kernels/group/shared_batch.h), moments and dx
// are those of the whole one, dgain and dshift each rank's own.
#pragma once
#include "kernels/device/array.h"
#include "kernels/launch/scalar.h"

namespace stillpoint::kernels {

inline constexpr double batch_norm_eps = 1e-5;      // Ioffe, Szegedy 2015, with the customary eps
inline constexpr double batch_norm_momentum = 0.1;  // weight of a batch in the running statistics

// x and dx are (N,C,H,W), y and g (N,C, H / pool, W / pool), rounded down, everything else is (C). n = N H W
// > 0 values make a statistic.
struct BatchNormShape {
  std::int64_t batch, channels, height, width, pool = 1;

  STILLPOINT_HD std::int64_t places() const { return height * width; }
  STILLPOINT_HD std::int64_t values() const { return batch * places(); }
  STILLPOINT_HD std::int64_t out_height() const { return height / pool; }
  STILLPOINT_HD std::int64_t out_width() const { return width / pool; }
};
struct BatchNormParams {
  Array gain, shift, mean, variance;
};

// The mean and the variance about it (divided by n), from differences alone: a large mean cancels nothing.
void batch_norm_statistics(const BatchNormShape& shape, const Array& x, const Array& mean,
                           const Array& variance);

// y = the largest relu(gain_c z + shift_c) of each pool x pool window, z = (x - mean_c) / sqrt(variance_c +
// eps). A NaN counts as the largest.
void batch_norm_relu(const BatchNormShape& shape, const BatchNormParams& params, const Array& x,
                     const Array& y);

// The gradients where mean and variance are those of x; with m = g at the first largest value of its window
// if that is positive, else 0:
//   dshift_c = sum m,   dgain_c = sum m z,
//   dx = gain_c / sqrt(variance_c + eps) (m - dshift_c / n - z dgain_c / n).
void batch_norm_relu_backward(const BatchNormShape& shape, const BatchNormParams& params, const Array& x,
                              const Array& g, const Array& dx, const Array& dgain, const Array& dshift);

// running = (1 - momentum) running + momentum batch, in place, with the batch's variance made unbiased,
// n / (n - 1) times itself; n > 1, this rank's values. Device work only.
void update_running_statistics(std::int64_t n, const Array& mean, const Array& variance,
                               const Array& running_mean, const Array& running_variance);

}  // namespace stillpoint::kernels

// Batch normalisation of images, then ReLU, then optional maximum pooling: statistics per channel, values,
// gradients, running statistics. If ranks share the batch (kernels/group/shared_batch.h), moments and dx are
// those of the whole batch, but each rank has its own dgain and dshift.
#pragma once
#include "kernels/device/array.h"
#include "kernels/launch/scalar.h"

namespace stillpoint::kernels {

inline constexpr double batch_norm_eps = 1e-5;      // Ioffe, Szegedy 2015, with the customary eps
inline constexpr double batch_norm_momentum = 0.1;  // weight of a batch in the running statistics

// x and dx are (N,C,H,W), y and g (N,C, H / pool, W / pool), rounded down; everything else is (C). Each
// statistic is over n = N H W > 0 values.
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

// Computes the mean, and the variance (divided by n) from differences to it: a large mean cancels no digits.
void batch_norm_statistics(const BatchNormShape& shape, const Array& x, const Array& mean,
                           const Array& variance);

// y = the largest relu(gain_c z + shift_c) of each pool x pool window, z = (x - mean_c) / sqrt(variance_c +
// eps). A NaN counts as the largest.
void batch_norm_relu(const BatchNormShape& shape, const BatchNormParams& params, const Array& x,
                     const Array& y);

// Computes the gradients if mean and variance are those of x. With m = g at the first largest value of its
// window if that value is positive, else 0:
//   dshift_c = sum m,   dgain_c = sum m z,
//   dx = gain_c / sqrt(variance_c + eps) (m - dshift_c / n - z dgain_c / n).
void batch_norm_relu_backward(const BatchNormShape& shape, const BatchNormParams& params, const Array& x,
                              const Array& g, const Array& dx, const Array& dgain, const Array& dshift);

// running = (1 - momentum) running + momentum batch, in place. The batch's variance is made unbiased: it is
// multiplied by n / (n - 1), where n > 1 counts this rank's values. Only queues work on the device.
void update_running_statistics(std::int64_t n, const Array& mean, const Array& variance,
                               const Array& running_mean, const Array& running_variance);

}  // namespace stillpoint::kernels

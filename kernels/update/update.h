// Optimiser steps over many tensors at once, and the gradient norm with its clip factor.
#pragma once
#include <array>
#include <span>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// The arrays have one size; m and v are the optimiser's state, zero before the first step.
struct AdamTensor {
  Array param, grad, m, v;
};
struct AdamOptions {
  double beta2 = 0.999, eps = 1e-8, weight_decay = 0;
};
// Returns lr / (1 - beta1^step), 1 / sqrt(1 - beta2^step), 1 - beta1 and keep = 1 - lr decay, which lie in
// memory, so that a recorded step can be replayed. step counts from 1; throws Error below it.
std::array<double, 4> adam_coefficients(double lr, double beta1, double beta2, std::int64_t step,
                                        double decay = 0);
// g = clip grad + weight_decay p,  m += (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2,
// p = keep p - lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps).
// Kingma, Ba 2015, with weight decay as an L2 term; with keep below 1 instead of that, it is decoupled
// (AdamW; Loshchilov, Hutter 2019). coefficients (4) and clip_factor (1; null means 1) are on
// the device in the tensors' type, float32 or float64. Up to 80 tensors take one launch. Throws Error if
// arrays do not match.
void adam_step(std::span<const AdamTensor> tensors, const AdamOptions& options, const Array& coefficients,
               const Array* clip_factor);

// Returns lr, and the momentum, which is 0 at step 1.
std::array<double, 2> sgd_coefficients(double lr, double momentum, std::int64_t step);
// g = clip grad + weight_decay p,  m = momentum m + g (m = g at step 1),  p -= lr m. v is not read.
void sgd_step(std::span<const AdamTensor> tensors, double weight_decay, const Array& coefficients,
              const Array* clip_factor);
// g = clip grad + weight_decay p,  v = beta2 v + (1 - beta2) g^2,  m = momentum m + g / (sqrt(v) + eps),
// p -= lr m: RMSprop (Tieleman, Hinton 2012) with PyTorch's place of eps, and SGD's coefficients.
void rmsprop_step(std::span<const AdamTensor> tensors, const AdamOptions& options, const Array& coefficients,
                  const Array* clip_factor);

// factor (1), if it has data, is min(1, max_norm / (norm + 1e-6)), or NaN if the norm is NaN.
struct ClipTo {
  double max_norm = 0;
  Array factor = {};
};
// norm (1) = sqrt(sum over all gradients of their squares), in float64 in an order that depends only on the
// sizes.
void global_norm(std::span<const Array> gradients, const Array& norm, const ClipTo& clip = {});

}  // namespace stillpoint::kernels

// Optimiser steps over many tensors at once, and the gradient norm with its clip factor.
#pragma once
#include <span>

#include "kernels/array.h"

namespace stillpoint::kernels {

// Arrays of one size; m and v are the optimiser's state, zero before the first step.
struct AdamTensor {
  Array param, grad, m, v;
};
struct AdamOptions {
  double lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  std::int64_t step;  // from 1
};
// g = clip grad + weight_decay p,  m += (1 - beta1) (g - m),  v = beta2 v + (1 - beta2) g^2,
// p -= lr / (1 - beta1^step) m / (sqrt(v / (1 - beta2^step)) + eps).
// Kingma, Ba 2015, with weight decay as an L2 term. clip_factor (1, on the device) is 1 where null. All
// tensors are float32 or all float64, on one device; up to 80 of them take one launch. An Error where arrays
// do not match.
void adam_step(std::span<const AdamTensor> tensors, const AdamOptions& options, const Array* clip_factor);

struct SgdOptions {
  double lr, momentum = 0, weight_decay = 0;
  std::int64_t step;  // from 1
};
// g = clip grad + weight_decay p,  m = momentum m + g (m = g at step 1),  p -= lr m. v is not read.
void sgd_step(std::span<const AdamTensor> tensors, const SgdOptions& options, const Array* clip_factor);

// norm (1) = sqrt(sum over all gradients of their squares), summed in float64 in an order that depends on the
// sizes alone.
void global_norm(std::span<const Array> gradients, const Array& norm);
// factor (1) = min(1, max_norm / (norm + 1e-6)); NaN where the norm is.
void clip_factor(const Array& norm, double max_norm, const Array& factor);

}  // namespace stillpoint::kernels

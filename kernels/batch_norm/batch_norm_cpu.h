// Sweeps of batch normalisation on the CPU, plane by plane, with the contracts of the bodies of the same
// names.
#pragma once
#include "kernels/batch_norm/batch_norm_channel.h"

namespace stillpoint::kernels {

// mean and squares (N,C): each plane's mean, and the sum of the squared distances from it.
template <class T>
void plane_moments_cpu(const BatchNormShape& s, const T* x, T* mean, T* squares);
// The next two return false, and do nothing, for windows that they do not support.
template <class T>
bool batch_norm_relu_cpu(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x, T* y);
// dshift and dgain (N,C): each plane's part of the two sums.
template <class T>
bool plane_gradients_cpu(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x,
                         const T* g, T* dshift, T* dgain);
// Computes dx from the channels' sums dshift and dgain (C), for windows that plane_gradients_cpu supports.
template <class T>
void batch_norm_relu_backward_cpu(const BatchNormShape& s, const BatchNormChannels<T>& channels, const T* x,
                                  const T* g, const T* dshift, const T* dgain, T* dx);

}  // namespace stillpoint::kernels

// One channel of a batch normalisation, and the largest value of a window: the parts that all forms of the
// kernel share.
#pragma once
#include "kernels/batch_norm/batch_norm.h"

namespace stillpoint::kernels {

// Forward and backward compute the same value, so that they agree on its sign and on which of a window is
// largest.
template <class T>
struct BatchNormChannel {
  T gain, shift, mean, inverse;
  STILLPOINT_HD T normalised(T x) const { return (x - mean) * inverse; }
  STILLPOINT_HD T value(T z) const { return multiply_add(gain, z, shift); }
};

template <class T>
struct BatchNormChannels {
  const T *gain, *shift, *mean, *variance;
  STILLPOINT_HD BatchNormChannel<T> operator[](Index c) const {
    return {gain[c], shift[c], mean[c], T(1) / square_root(variance[c] + T(batch_norm_eps))};
  }
};

template <class T>
BatchNormChannels<T> channels_of(const BatchNormParams& p) {
  return {p.gain.as<T>(), p.shift.as<T>(), p.mean.as<T>(), p.variance.as<T>()};
}

// Returns whether b replaces a as the largest value so far; a NaN does.
template <class T>
STILLPOINT_HD bool larger(T b, T a) {
  return b > a || b != b;  // NOLINT(misc-redundant-expression)
}

// A place within a plane; 64 bits would cost a GPU's threads twice the registers and slow divisions.
using Place = std::int32_t;

// The first largest value of a window: its place in the plane, its z and its value.
template <class T>
struct WindowMax {
  Place place;
  T z, value;
};
template <class T>
STILLPOINT_HD WindowMax<T> window_max(const BatchNormChannel<T>& channel, const T* plane, Place first,
                                      Place width, Place pool) {
  WindowMax<T> best{first, channel.normalised(plane[first]), T(0)};
  best.value = channel.value(best.z);
  for (Place k = 1; k < pool * pool; ++k) {
    const Place place = first + k / pool * width + k % pool;
    const T z = channel.normalised(plane[place]), value = channel.value(z);
    if (larger(value, best.value)) best = {place, z, value};
  }
  return best;
}

}  // namespace stillpoint::kernels

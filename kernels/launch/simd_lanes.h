// Parts of SIMD vectors, and vectors of every second element.
#pragma once
#include <algorithm>
#include <utility>

#include "kernels/device/array.h"
#include "kernels/launch/simd.h"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace stillpoint::kernels::simd {

// Loads the first n lanes; the others are 0.
template <class T>
inline Vector<T> load_part(const T* p, Index n) {
  if (n >= width<T>) return load(p);
  T values[width<T>] = {};
  std::copy_n(p, std::max<Index>(n, 0), values);
  return load(values);
}
// Stores the first n lanes.
template <class T>
inline void store_part(T* p, Vector<T> v, Index n) {
  if (n >= width<T>) return store(p, v);
  T values[width<T>];
  store(values, v);
  std::copy_n(values, std::max<Index>(n, 0), p);
}
#if defined(__AVX512F__)
inline __mmask16 first_lanes(Index n) { return __mmask16((1u << std::clamp<Index>(n, 0, 16)) - 1); }
template <>
inline Vector<float> load_part(const float* p, Index n) {
  return Vector<float>(_mm512_maskz_loadu_ps(first_lanes(n), p));
}
template <>
inline void store_part(float* p, Vector<float> v, Index n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), __m512(v));
}
#endif

// Returns lanes 0, 2, 4, ... of a and b, or 1, 3, 5, ...; `interleave` undoes both.
template <int odd, class V, int... I>
inline V every_second(V a, V b, std::integer_sequence<int, I...>) {
  return __builtin_shufflevector(a, b, (2 * I + odd)...);
}
template <int half, class V, int... I>
inline V interleave(V even, V odd, std::integer_sequence<int, I...>) {
  constexpr int lanes = sizeof...(I);
  return __builtin_shufflevector(even, odd, (half * lanes / 2 + I / 2 + I % 2 * lanes)...);
}
template <class T>
using LaneSequence = std::make_integer_sequence<int, width<T>>;

// Returns v in the lanes [from, to), and `other` in the others.
template <class T>
inline Vector<T> lanes_or(Vector<T> v, Index from, Index to, T other) {
  const Vector<T> number = []<int... I>(std::integer_sequence<int, I...>) { return Vector<T>{T(I)...}; }
  (LaneSequence<T>{});
  return (number >= T(from)) & (number < T(to)) ? v : splat(other);
}

}  // namespace stillpoint::kernels::simd

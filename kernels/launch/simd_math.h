// Sine, cosine and powers of two of whole SIMD vectors.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/launch/simd.h"
#if defined(__AVX512F__)
#include <immintrin.h>
#endif

namespace stillpoint::kernels::simd {

template <class T>
inline void sincos_by_lane(Vector<T> x, Vector<T>& sine, Vector<T>& cosine) {
  sine = cosine = x;  // a lane without a value yet is a warning of g++ 13
  for (int i = 0; i < width<T>; ++i) {
    sine[i] = std::sin(x[i]);
    cosine[i] = std::cos(x[i]);
  }
}

typedef std::int32_t Integers __attribute__((vector_size(register_bytes)));

inline bool any(Integers mask) {
  std::uint64_t words[register_bytes / 8], all = 0;
  std::memcpy(words, &mask, sizeof mask);
  for (std::uint64_t word : words) all |= word;
  return all != 0;
}

// The error is at most 2 ulp of the result for |x| <= 1e4; a vector with a larger, infinite or NaN lane goes
// to libm. x = n pi/2 + r, |r| <= pi/4: pi/2 is split in four so that n times the first three is exact for n
// < 2^13.
inline void sincos(Vector<float> x, Vector<float>& sine, Vector<float>& cosine) {
  const Vector<float> size = x < 0.0f ? -x : x;
  if (any(~(size <= 1e4f))) return sincos_by_lane<float>(x, sine, cosine);
  constexpr float to_integer = 0x1.8p23f;  // adding it leaves no bits below the point
  const Vector<float> n = (x * 0x1.45f306p-1f + to_integer) - to_integer;
  Vector<float> r = x - n * 0x1.92p+0f;
  r = r - n * 0x1.fb4p-12f;
  const Vector<float> before = r;
  r = before - n * 0x1.444p-24f;
  r = r + (((before - r) - n * 0x1.444p-24f) - n * 0x1.68c234p-39f);  // with what the last line rounded off
  const Vector<float> u = r * r;
  // Interpolation at Chebyshev points in u of (sin r - r) / (r u) and (cos r - 1 + u/2) / u^2.
  const Vector<float> s = r + r * u * (-0.16666664656f + u * (0.0083327471044f - u * 0.00019587639036f));
  const Vector<float> c =
      (1.0f - 0.5f * u) + u * u * (0.041666664653f + u * (-0.0013888301867f + u * 2.4547689710e-5f));
  const Integers quadrant = __builtin_convertvector(n, Integers);
  const Integers swapped = (quadrant & 1) != 0;
  const Vector<float> near_sine = swapped ? c : s, near_cosine = swapped ? s : c;
  sine = (quadrant & 2) != 0 ? -near_sine : near_sine;
  cosine = ((quadrant + 1) & 2) != 0 ? -near_cosine : near_cosine;
}
inline void sincos(Vector<double> x, Vector<double>& sine, Vector<double>& cosine) {
  sincos_by_lane<double>(x, sine, cosine);
}

// Returns 2^x for x <= 127, and exactly 0 if x < -126. The error is at most 2 ulp.
inline Vector<float> power_of_two(Vector<float> x) {
#if defined(__AVX512F__)
  const Vector<float> above = x;  // what is not a number in a lane below is set to 0 with the lane
#else
  const Vector<float> above = x < -126.0f ? splat(-126.0f) : x;
#endif
  constexpr float to_integer = 0x1.8p23f;
  const Vector<float> shifted = above + to_integer, n = shifted - to_integer, f = above - n;
  // Interpolation at Chebyshev points of (2^f - 1) / f, |f| <= 1/2.
  Vector<float> p = 0.0013390863314f + f * 0.00015453163360f;
  p = 0.0096180830151f + f * p;
  p = 0.055503569543f + f * p;
  p = 0.24022650719f + f * p;
  p = 1.0f + f * (0.69314718246f + f * p);
#if defined(__AVX512F__)
  const __mmask16 kept = _mm512_cmp_ps_mask(__m512(x), _mm512_set1_ps(-126.0f), _CMP_NLT_UQ);
  return Vector<float>(_mm512_maskz_scalef_ps(kept, __m512(p), __m512(n)));
#else
  Integers bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  bits = (bits + 127) << 23;  // only the integer's low bits remain
  Vector<float> scale;
  std::memcpy(&scale, &bits, sizeof scale);
  return x < -126.0f ? Vector<float>{} : p * scale;
#endif
}
inline Vector<double> power_of_two(Vector<double> x) {
  for (int i = 0; i < width<double>; ++i) x[i] = x[i] < -1022 ? 0 : std::exp2(x[i]);
  return x;
}

}  // namespace stillpoint::kernels::simd

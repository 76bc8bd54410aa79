// Stand-in for CUDA's half: 5 bits of exponent, 10 of fraction, rounded to nearest even.
#pragma once
#include "cuda_runtime.h"
#include "simt/small_floats.h"

struct __half_raw {
  unsigned short x;
};

struct __align__(2) __half {
  using simt_small_float = void;
  unsigned short __x;

  __half() = default;
  __half(__half_raw raw) : __x(raw.x) {}
  template <class T>
  requires(std::is_arithmetic_v<T>) __half(T value) : __x(simt::to_half(float(value))) {}
  operator float() const { return simt::from_half(__x); }
  operator __half_raw() const { return {__x}; }
};
using half = __half;
using nv_half = __half;

struct __align__(4) __half2 {
  using simt_small_pair = void;
  __half x, y;
};
using half2 = __half2;
using nv_half2 = __half2;

inline __half2 make_half2(__half x, __half y) { return {x, y}; }

inline __half __float2half(float v) { return v; }
inline __half __float2half_rn(float v) { return v; }
inline __half __float2half_rz(float v) { return simt::rounded<__half>(v, simt::Toward::zero); }
inline __half __float2half_rd(float v) { return simt::rounded<__half>(v, simt::Toward::down); }
inline __half __float2half_ru(float v) { return simt::rounded<__half>(v, simt::Toward::up); }
inline __half __double2half(double v) { return v; }
inline float __half2float(__half v) { return v; }

inline __half2 __floats2half2_rn(float x, float y) { return {x, y}; }
inline __half2 __float2half2_rn(float v) { return {v, v}; }
inline __half2 __float22half2_rn(float2 v) { return {v.x, v.y}; }
inline float2 __half22float2(__half2 v) { return {v.x, v.y}; }
inline __half __low2half(__half2 v) { return v.x; }
inline __half __high2half(__half2 v) { return v.y; }
inline float __low2float(__half2 v) { return v.x; }
inline float __high2float(__half2 v) { return v.y; }
inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
inline __half2 __half2half2(__half v) { return {v, v}; }
inline __half2 __low2half2(__half2 v) { return {v.x, v.x}; }
inline __half2 __high2half2(__half2 v) { return {v.y, v.y}; }
inline __half2 __lows2half2(__half2 a, __half2 b) { return {a.x, b.x}; }
inline __half2 __highs2half2(__half2 a, __half2 b) { return {a.y, b.y}; }
inline __half2 __lowhigh2highlow(__half2 v) { return {v.y, v.x}; }

#define SIMT_HALF_INTEGERS(name, T)                                                          \
  inline __half __##name##2half_rn(T v) { return v; }                                        \
  inline T __half2##name##_rn(__half v) { return static_cast<T>(std::nearbyint(float(v))); } \
  inline T __half2##name##_rz(__half v) { return static_cast<T>(std::trunc(float(v))); }     \
  inline T __half2##name##_rd(__half v) { return static_cast<T>(std::floor(float(v))); }     \
  inline T __half2##name##_ru(__half v) { return static_cast<T>(std::ceil(float(v))); }
SIMT_HALF_INTEGERS(int, int)
SIMT_HALF_INTEGERS(uint, unsigned)
SIMT_HALF_INTEGERS(short, short)
SIMT_HALF_INTEGERS(ushort, unsigned short)
SIMT_HALF_INTEGERS(ll, long long)
SIMT_HALF_INTEGERS(ull, unsigned long long)
#undef SIMT_HALF_INTEGERS

inline unsigned short __half_as_ushort(__half v) { return v.__x; }
inline short __half_as_short(__half v) { return static_cast<short>(v.__x); }
inline __half __ushort_as_half(unsigned short bits) { return __half_raw{bits}; }
inline __half __short_as_half(short bits) { return __half_raw{static_cast<unsigned short>(bits)}; }

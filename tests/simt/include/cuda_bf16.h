// Stand-in for CUDA's bfloat16: the upper half of a float, rounded to nearest even.
#pragma once
#include "cuda_runtime.h"
#include "simt/small_floats.h"

struct __nv_bfloat16_raw {
  unsigned short x;
};

struct __align__(2) __nv_bfloat16 {
  using simt_small_float = void;
  unsigned short __x;

  __nv_bfloat16() = default;
  __nv_bfloat16(__nv_bfloat16_raw raw) : __x(raw.x) {}
  template <class T>
  requires(std::is_arithmetic_v<T>) __nv_bfloat16(T value) : __x(simt::to_bfloat16(float(value))) {}
  operator float() const { return simt::from_bfloat16(__x); }
  operator __nv_bfloat16_raw() const { return {__x}; }
};
using nv_bfloat16 = __nv_bfloat16;

struct __align__(4) __nv_bfloat162 {
  using simt_small_pair = void;
  __nv_bfloat16 x, y;
};
using nv_bfloat162 = __nv_bfloat162;

inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }

inline __nv_bfloat16 __float2bfloat16(float v) { return v; }
inline __nv_bfloat16 __float2bfloat16_rn(float v) { return v; }
inline __nv_bfloat16 __float2bfloat16_rz(float v) {
  return simt::rounded<__nv_bfloat16>(v, simt::Toward::zero);
}
inline __nv_bfloat16 __float2bfloat16_rd(float v) {
  return simt::rounded<__nv_bfloat16>(v, simt::Toward::down);
}
inline __nv_bfloat16 __float2bfloat16_ru(float v) {
  return simt::rounded<__nv_bfloat16>(v, simt::Toward::up);
}
inline __nv_bfloat16 __double2bfloat16(double v) { return v; }
inline float __bfloat162float(__nv_bfloat16 v) { return v; }

inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
inline __nv_bfloat162 __float2bfloat162_rn(float v) { return {v, v}; }
inline __nv_bfloat162 __float22bfloat162_rn(float2 v) { return {v.x, v.y}; }
inline float2 __bfloat1622float2(__nv_bfloat162 v) { return {v.x, v.y}; }
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 v) { return v.x; }
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 v) { return v.y; }
inline float __low2float(__nv_bfloat162 v) { return v.x; }
inline float __high2float(__nv_bfloat162 v) { return v.y; }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 v) { return {v, v}; }
inline __nv_bfloat162 __lowhigh2highlow(__nv_bfloat162 v) { return {v.y, v.x}; }

inline __nv_bfloat16 __int2bfloat16_rn(int v) { return v; }
inline __nv_bfloat16 __uint2bfloat16_rn(unsigned v) { return v; }
inline int __bfloat162int_rn(__nv_bfloat16 v) { return int(std::nearbyint(float(v))); }
inline int __bfloat162int_rz(__nv_bfloat16 v) { return int(float(v)); }

inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 v) { return v.__x; }
inline short __bfloat16_as_short(__nv_bfloat16 v) { return static_cast<short>(v.__x); }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short bits) { return __nv_bfloat16_raw{bits}; }
inline __nv_bfloat16 __short_as_bfloat16(short bits) {
  return __nv_bfloat16_raw{static_cast<unsigned short>(bits)};
}

// Stand-in for CUDA's complex numbers.
#pragma once
#include <cmath>

#include "simt/vectors.h"

using cuFloatComplex = float2;
using cuComplex = float2;
using cuDoubleComplex = double2;

inline cuFloatComplex make_cuFloatComplex(float x, float y) { return {x, y}; }
inline cuComplex make_cuComplex(float x, float y) { return {x, y}; }
inline cuDoubleComplex make_cuDoubleComplex(double x, double y) { return {x, y}; }
#define SIMT_COMPLEX(C, suffix, R)                                                             \
  inline R cuCreal##suffix(C a) { return a.x; }                                                \
  inline R cuCimag##suffix(C a) { return a.y; }                                                \
  inline C cuConj##suffix(C a) { return {a.x, -a.y}; }                                         \
  inline C cuCadd##suffix(C a, C b) { return {a.x + b.x, a.y + b.y}; }                         \
  inline C cuCsub##suffix(C a, C b) { return {a.x - b.x, a.y - b.y}; }                         \
  inline C cuCmul##suffix(C a, C b) { return {a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x}; } \
  inline C cuCdiv##suffix(C a, C b) {                                                          \
    const R d = b.x * b.x + b.y * b.y;                                                         \
    return {(a.x * b.x + a.y * b.y) / d, (a.y * b.x - a.x * b.y) / d};                         \
  }                                                                                            \
  inline R cuCabs##suffix(C a) { return std::sqrt(a.x * a.x + a.y * a.y); }
SIMT_COMPLEX(cuFloatComplex, f, float)
SIMT_COMPLEX(cuDoubleComplex, , double)
#undef SIMT_COMPLEX

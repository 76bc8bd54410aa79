// Scalar functions with one name for every type and compiler, so that a body means the same on CPU and GPU.
#pragma once
#include <cmath>
#include <cstdint>

#if defined(__CUDACC__)
#define STILLPOINT_HD __host__ __device__ __forceinline__
#else
#define STILLPOINT_HD inline __attribute__((always_inline))
#endif

namespace stillpoint::kernels {

STILLPOINT_HD float exponential(float x) { return ::expf(x); }
STILLPOINT_HD double exponential(double x) { return ::exp(x); }
STILLPOINT_HD float power_of_two(float x) { return ::exp2f(x); }
STILLPOINT_HD double power_of_two(double x) { return ::exp2(x); }
STILLPOINT_HD float logarithm(float x) { return ::logf(x); }
STILLPOINT_HD double logarithm(double x) { return ::log(x); }
STILLPOINT_HD float log1plus(float x) { return ::log1pf(x); }
STILLPOINT_HD double log1plus(double x) { return ::log1p(x); }
STILLPOINT_HD float cosine(float x) { return ::cosf(x); }
STILLPOINT_HD double cosine(double x) { return ::cos(x); }
STILLPOINT_HD float sine(float x) { return ::sinf(x); }
STILLPOINT_HD double sine(double x) { return ::sin(x); }
STILLPOINT_HD float square_root(float x) { return ::sqrtf(x); }
STILLPOINT_HD double square_root(double x) { return ::sqrt(x); }
STILLPOINT_HD float hyperbolic_tangent(float x) { return ::tanhf(x); }
STILLPOINT_HD double hyperbolic_tangent(double x) { return ::tanh(x); }
// a b + c, rounded once
STILLPOINT_HD float multiply_add(float a, float b, float c) { return ::fmaf(a, b, c); }
STILLPOINT_HD double multiply_add(double a, double b, double c) { return ::fma(a, b, c); }
template <class T>
STILLPOINT_HD T maximum(T a, T b) {
  return a > b ? a : b;
}
template <class T>
STILLPOINT_HD T minimum(T a, T b) {
  return a < b ? a : b;
}

}  // namespace stillpoint::kernels

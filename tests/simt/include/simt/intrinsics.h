// Device functions: barriers, shuffles, votes, bit operations and CUDA's approximate mathematics.
#pragma once
#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "simt/machine.h"

// Barriers and collectives are inlined always, so that their return addresses tell calls apart.
#define SIMT_MEETING inline __attribute__((always_inline))
SIMT_MEETING void __syncthreads(simt::Where where = simt::Where::current()) {
  simt::block_barrier(false, where);
}
SIMT_MEETING int __syncthreads_count(int predicate, simt::Where where = simt::Where::current()) {
  return simt::block_barrier(predicate != 0, where);
}
SIMT_MEETING int __syncthreads_or(int predicate, simt::Where where = simt::Where::current()) {
  return simt::block_barrier(predicate != 0, where) != 0;
}
SIMT_MEETING int __syncthreads_and(int predicate, simt::Where where = simt::Where::current()) {
  return simt::block_barrier(predicate == 0, where) == 0;
}

SIMT_MEETING void __cluster_barrier_arrive(simt::Where where = simt::Where::current()) {
  simt::cluster_arrive(where);
}
SIMT_MEETING void __cluster_barrier_wait(simt::Where where = simt::Where::current()) {
  simt::cluster_wait(where);
}

SIMT_MEETING void __syncwarp(unsigned mask = 0xffffffffu, simt::Where where = simt::Where::current()) {
  simt::warp_collective(simt::Collective::syncwarp, mask, 0, 0, 32, where);
}
SIMT_MEETING unsigned __ballot_sync(unsigned mask, int predicate,
                                    simt::Where where = simt::Where::current()) {
  return unsigned(simt::warp_collective(simt::Collective::ballot, mask, predicate != 0, 0, 32, where));
}
SIMT_MEETING int __any_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current()) {
  return __ballot_sync(mask, predicate, where) != 0;
}
SIMT_MEETING int __all_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current()) {
  return __ballot_sync(mask, predicate == 0, where) == 0;
}
SIMT_MEETING unsigned __activemask(simt::Where where = simt::Where::current()) {
  return simt::active_lanes(where);
}

namespace simt {

template <class T>
concept Shuffled = std::is_arithmetic_v<T> &&(sizeof(T) == 4 || sizeof(T) == 8);

template <Shuffled T>
T shuffle(Collective kind, unsigned mask, T value, int operand, int width, Where where) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = warp_collective(kind, mask, bits, operand, width, where);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

// The errors are as large as CUDA documents for its fast functions: 2 + |1.16 x| ulp for the exponential,
// 2^-21 absolute for sine, cosine and, near 1, the logarithm.
inline float fast_exp(float x) { return std::exp2(x * 1.44269504f); }
inline float fast_log(float x) { return std::log2(x) * 0.693147181f; }
inline float fast_grid(float x) { return std::nearbyint(x * 2097152.0f) / 2097152.0f; }
inline float fast_sin(float x) { return fast_grid(std::sin(x)); }
inline float fast_cos(float x) { return fast_grid(std::cos(x)); }
inline float fast_pow(float x, float y) { return std::exp2(y * std::log2(x)); }

}  // namespace simt

template <simt::Shuffled T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              simt::Where where = simt::Where::current()) {
  return simt::shuffle(simt::Collective::shfl, mask, value, source, width, where);
}
template <simt::Shuffled T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 simt::Where where = simt::Where::current()) {
  return simt::shuffle(simt::Collective::shfl_up, mask, value, int(delta), width, where);
}
template <simt::Shuffled T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   simt::Where where = simt::Where::current()) {
  return simt::shuffle(simt::Collective::shfl_down, mask, value, int(delta), width, where);
}
template <simt::Shuffled T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  simt::Where where = simt::Where::current()) {
  return simt::shuffle(simt::Collective::shfl_xor, mask, value, lane_mask, width, where);
}

inline void __threadfence() { simt::memory_fence(simt::Scope::device); }
inline void __threadfence_system() { simt::memory_fence(simt::Scope::device); }
inline void __threadfence_block() { simt::memory_fence(simt::Scope::block); }

template <class T>
T __ldg(const T* p) {
  return *p;
}

// There is one address space here: these are for inline PTX, which does not exist.
inline std::size_t __cvta_generic_to_shared(const void* p) { return reinterpret_cast<std::size_t>(p); }
inline std::size_t __cvta_generic_to_global(const void* p) { return reinterpret_cast<std::size_t>(p); }
inline void* __cvta_shared_to_generic(std::size_t p) { return reinterpret_cast<void*>(p); }
inline void* __cvta_global_to_generic(std::size_t p) { return reinterpret_cast<void*>(p); }

inline int __popc(unsigned x) { return std::popcount(x); }
inline int __popcll(unsigned long long x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(unsigned(x)); }
inline int __clzll(long long x) { return std::countl_zero(static_cast<unsigned long long>(x)); }
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(unsigned(x)) + 1; }
inline int __ffsll(long long x) {
  return x == 0 ? 0 : std::countr_zero(static_cast<unsigned long long>(x)) + 1;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((std::uint64_t(a) * b) >> 32); }
inline int __mulhi(int a, int b) { return int((std::int64_t(a) * b) >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<unsigned long long>((Wide(a) * b) >> 64);
}
inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }
inline double __longlong_as_double(long long x) { return std::bit_cast<double>(x); }

inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }
// Returns zero for 2^126 < |y| < 2^128, as documented.
inline float __fdividef(float x, float y) {
  const float size = std::fabs(y);
  if (size > 0x1p126f && !std::isinf(size)) return std::isinf(x) ? std::nanf("") : 0.0f;
  return x * (1.0f / y);
}

// These are macros because glibc declares private functions with the same names.
#define __expf(x) ::simt::fast_exp(x)
#define __logf(x) ::simt::fast_log(x)
#define __sinf(x) ::simt::fast_sin(x)
#define __cosf(x) ::simt::fast_cos(x)
#define __powf(x, y) ::simt::fast_pow(x, y)
#define __sincosf(x, s, c) (*(s) = ::simt::fast_sin(x), *(c) = ::simt::fast_cos(x))

#define SIMT_MIN_MAX(T)                               \
  constexpr T min(T a, T b) { return b < a ? b : a; } \
  constexpr T max(T a, T b) { return a < b ? b : a; }
SIMT_MIN_MAX(int)
SIMT_MIN_MAX(unsigned)
SIMT_MIN_MAX(long)
SIMT_MIN_MAX(unsigned long)
SIMT_MIN_MAX(long long)
SIMT_MIN_MAX(unsigned long long)
#undef SIMT_MIN_MAX
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }

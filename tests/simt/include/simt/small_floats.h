// Arithmetic of half and bfloat16 and of pairs of them. Each operation is done in float and rounded once,
// which for sums, products and quotients is the correctly rounded result.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "simt/atomics.h"
#include "simt/intrinsics.h"

namespace simt {

inline unsigned short to_bfloat16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return 0x7fff;
  return static_cast<unsigned short>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}
inline float from_bfloat16(unsigned short bits) { return std::bit_cast<float>(std::uint32_t(bits) << 16); }

inline unsigned short to_half(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) return 0x7fff;
  if (size >= 0x477ff000u) return static_cast<unsigned short>(sign | 0x7c00u);  // 65520 rounds to infinity
  if (size < 0x38800000u)                                                       // a multiple of 2^-24
    return static_cast<unsigned short>(sign |
                                       std::uint32_t(std::nearbyint(std::bit_cast<float>(size) * 0x1p24f)));
  return static_cast<unsigned short>(sign | ((size + 0xfffu + ((size >> 13) & 1u) - 0x38000000u) >> 13));
}
inline float from_half(unsigned short bits) {
  const std::uint32_t sign = std::uint32_t(bits & 0x8000u) << 16, size = bits & 0x7fffu;
  if (size >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | (size & 0x3ffu) << 13);
  const float value =
      size < 0x400u ? float(size) * 0x1p-24f : std::bit_cast<float>((size << 13) + 0x38000000u);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | sign);
}

enum class Toward { zero, down, up };
// Moves the nearest value by one step if it lies on the wrong side.
template <class T>
T rounded(float value, Toward mode) {
  T nearest(value);
  const float back(nearest);
  const bool away = std::fabs(back) > std::fabs(value);
  const bool lower = mode == Toward::zero ? away : mode == Toward::down ? back > value : back < value;
  if (back == value || std::isnan(value) || !lower) return nearest;
  const bool shrinks = mode == Toward::zero || (mode == Toward::down) == (value > 0);
  nearest.__x = static_cast<unsigned short>(nearest.__x + (shrinks ? -1 : 1));
  return nearest;
}

template <class T>
concept SmallFloat = requires {
  typename T::simt_small_float;
};
template <class T>
concept SmallPair = requires {
  typename T::simt_small_pair;
};

template <SmallPair T, class F>
T each_half(T a, T b, F f) {
  return {f(a.x, b.x), f(a.y, b.y)};
}

}  // namespace simt

#define SIMT_OPERATOR(op, name, name2, expression)                           \
  template <simt::SmallFloat T>                                              \
  T name(T first, T second) {                                                \
    [[maybe_unused]] const float a(first), b(second);                        \
    return T(expression);                                                    \
  }                                                                          \
  template <simt::SmallFloat T>                                              \
  T operator op(T a, T b) {                                                  \
    return name(a, b);                                                       \
  }                                                                          \
  template <simt::SmallFloat T>                                              \
  T& operator op##=(T& a, T b) {                                             \
    return a = name(a, b);                                                   \
  }                                                                          \
  template <simt::SmallPair T>                                               \
  T name2(T a, T b) {                                                        \
    return simt::each_half(a, b, [](auto x, auto y) { return name(x, y); }); \
  }                                                                          \
  template <simt::SmallPair T>                                               \
  T operator op(T a, T b) {                                                  \
    return name2(a, b);                                                      \
  }                                                                          \
  template <simt::SmallPair T>                                               \
  T& operator op##=(T& a, T b) {                                             \
    return a = name2(a, b);                                                  \
  }
SIMT_OPERATOR(+, __hadd, __hadd2, a + b)
SIMT_OPERATOR(-, __hsub, __hsub2, a - b)
SIMT_OPERATOR(*, __hmul, __hmul2, a* b)
SIMT_OPERATOR(/, __hdiv, __h2div, a / b)
#undef SIMT_OPERATOR

#define SIMT_COMPARISON(op, name)                                            \
  template <simt::SmallFloat T>                                              \
  bool __h##name(T a, T b) {                                                 \
    return float(a) op float(b);                                             \
  }                                                                          \
  template <simt::SmallFloat T>                                              \
  bool operator op(T a, T b) {                                               \
    return __h##name(a, b);                                                  \
  }                                                                          \
  template <simt::SmallPair T>                                               \
  T __h##name##2(T a, T b) {                                                 \
    using Half = decltype(a.x);                                              \
    return {Half(a.x op b.x ? 1.0f : 0.0f), Half(a.y op b.y ? 1.0f : 0.0f)}; \
  }                                                                          \
  template <simt::SmallPair T>                                               \
  bool __hb##name##2(T a, T b) {                                             \
    return a.x op b.x && a.y op b.y;                                         \
  }
SIMT_COMPARISON(==, eq)
SIMT_COMPARISON(!=, ne)
SIMT_COMPARISON(<, lt)
SIMT_COMPARISON(<=, le)
SIMT_COMPARISON(>, gt)
SIMT_COMPARISON(>=, ge)
#undef SIMT_COMPARISON

// Functions of two and three values, and those of one, by their float formula.
#define SIMT_BINARY(name, name2, expression)                                 \
  template <simt::SmallFloat T>                                              \
  T name(T first, T second) {                                                \
    const float a(first), b(second);                                         \
    return T(expression);                                                    \
  }                                                                          \
  template <simt::SmallPair T>                                               \
  T name2(T a, T b) {                                                        \
    return simt::each_half(a, b, [](auto x, auto y) { return name(x, y); }); \
  }
SIMT_BINARY(__hmax, __hmax2, std::fmax(a, b))
SIMT_BINARY(__hmin, __hmin2, std::fmin(a, b))
SIMT_BINARY(__hadd_sat, __hadd2_sat, __saturatef(a + b))
SIMT_BINARY(__hmul_sat, __hmul2_sat, __saturatef(a* b))
SIMT_BINARY(__hadd_rn, __hadd2_rn, a + b)
SIMT_BINARY(__hsub_rn, __hsub2_rn, a - b)
SIMT_BINARY(__hmul_rn, __hmul2_rn, a* b)
#undef SIMT_BINARY

// A product of two halves is exact in double, and so nearly is its sum with a third.
template <simt::SmallFloat T>
T __hfma(T a, T b, T c) {
  return T(float(double(float(a)) * double(float(b)) + double(float(c))));
}
template <simt::SmallPair T>
T __hfma2(T a, T b, T c) {
  return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)};
}
template <simt::SmallFloat T>
T __hfma_relu(T a, T b, T c) {
  return __hmax(__hfma(a, b, c), T(0.0f));
}

#define SIMT_UNARY(name, name2, expression) \
  template <simt::SmallFloat T>             \
  T name(T value) {                         \
    const float a(value);                   \
    return T(expression);                   \
  }                                         \
  template <simt::SmallPair T>              \
  T name2(T v) {                            \
    return {name(v.x), name(v.y)};          \
  }
SIMT_UNARY(__hneg, __hneg2, -a)
SIMT_UNARY(__habs, __habs2, std::fabs(a))
SIMT_UNARY(hsqrt, h2sqrt, std::sqrt(a))
SIMT_UNARY(hrsqrt, h2rsqrt, 1.0f / std::sqrt(a))
SIMT_UNARY(hrcp, h2rcp, 1.0f / a)
SIMT_UNARY(hexp, h2exp, std::exp(a))
SIMT_UNARY(hexp2, h2exp2, std::exp2(a))
SIMT_UNARY(hexp10, h2exp10, std::pow(10.0f, a))
SIMT_UNARY(hlog, h2log, std::log(a))
SIMT_UNARY(hlog2, h2log2, std::log2(a))
SIMT_UNARY(hlog10, h2log10, std::log10(a))
SIMT_UNARY(hsin, h2sin, std::sin(a))
SIMT_UNARY(hcos, h2cos, std::cos(a))
SIMT_UNARY(htanh, h2tanh, std::tanh(a))
SIMT_UNARY(hceil, h2ceil, std::ceil(a))
SIMT_UNARY(hfloor, h2floor, std::floor(a))
SIMT_UNARY(htrunc, h2trunc, std::trunc(a))
SIMT_UNARY(hrint, h2rint, std::nearbyint(a))
#undef SIMT_UNARY

template <simt::SmallFloat T>
T operator-(T a) {
  return __hneg(a);
}
template <simt::SmallPair T>
T operator-(T a) {
  return __hneg2(a);
}
template <simt::SmallFloat T>
T& operator++(T& a) {
  return a = __hadd(a, T(1.0f));
}
template <simt::SmallFloat T>
T& operator--(T& a) {
  return a = __hsub(a, T(1.0f));
}
template <simt::SmallFloat T>
bool __hisnan(T a) {
  return std::isnan(float(a));
}
template <simt::SmallFloat T>
int __hisinf(T a) {
  return std::isinf(float(a)) ? (float(a) > 0 ? 1 : -1) : 0;
}

// Shuffles move the bits; atomic additions round like any other.
#define SIMT_SMALL_SHUFFLE(name, Operand)                                                                    \
  template <class T>                                                                                         \
  requires(simt::SmallFloat<T> || simt::SmallPair<T>) T name(                                                \
      unsigned mask, T value, Operand operand, int width = 32, simt::Where where = simt::Where::current()) { \
    using Bits = std::conditional_t<sizeof(T) == 2, unsigned short, unsigned>;                               \
    const unsigned word = std::bit_cast<Bits>(value);                                                        \
    return std::bit_cast<T>(static_cast<Bits>(name(mask, word, operand, width, where)));                     \
  }
SIMT_SMALL_SHUFFLE(__shfl_sync, int)
SIMT_SMALL_SHUFFLE(__shfl_up_sync, unsigned)
SIMT_SMALL_SHUFFLE(__shfl_down_sync, unsigned)
SIMT_SMALL_SHUFFLE(__shfl_xor_sync, int)
#undef SIMT_SMALL_SHUFFLE

template <class T>
requires(simt::SmallFloat<T> || simt::SmallPair<T>) T atomicAdd(T* address, T value) {
  return simt::atomic_update(address, [value](T old) { return old + value; });
}

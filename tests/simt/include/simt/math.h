// Device functions that only compute: rounded arithmetic, conversions, bits, packed integers, special
// functions, and loads and stores with cache hints.
#pragma once
#include <bit>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <limits>

namespace simt {

// Computes f in the rounding mode. The values pass through volatile memory, so that nothing is computed
// elsewhere.
template <class T, class F>
T in_mode(int mode, T a, T b, T c, F f) {
  volatile T x = a, y = b, z = c;
  const int before = std::fegetround();
  std::fesetround(mode);
  volatile T result = f(x, y, z);
  std::fesetround(before);
  return result;
}

template <class To, class From>
To saturated(From value) {
  if (std::isnan(value)) return 0;
  if (value <= From(std::numeric_limits<To>::min())) return std::numeric_limits<To>::min();
  if (value >= From(std::numeric_limits<To>::max())) return std::numeric_limits<To>::max();
  return To(value);
}

}  // namespace simt

#define SIMT_IN_MODE(T, name, suffix, mode, parameters)                                         \
  inline T name##suffix parameters {                                                            \
    return simt::in_mode(mode, a, b, c, [](T p, T q, T r) -> T { return name##_rn(p, q, r); }); \
  }
#define SIMT_IN_MODES(T, name, parameters, expression)  \
  inline T name##_rn parameters { return expression; }  \
  SIMT_IN_MODE(T, name, _rz, FE_TOWARDZERO, parameters) \
  SIMT_IN_MODE(T, name, _rd, FE_DOWNWARD, parameters)   \
  SIMT_IN_MODE(T, name, _ru, FE_UPWARD, parameters)
#define SIMT_ARITHMETIC(T, prefix)                                           \
  SIMT_IN_MODES(T, prefix##add, (T a, T b, [[maybe_unused]] T c = 0), a + b) \
  SIMT_IN_MODES(T, prefix##sub, (T a, T b, [[maybe_unused]] T c = 0), a - b) \
  SIMT_IN_MODES(T, prefix##mul, (T a, T b, [[maybe_unused]] T c = 0), a* b)  \
  SIMT_IN_MODES(T, prefix##div, (T a, T b, [[maybe_unused]] T c = 0), a / b)
SIMT_ARITHMETIC(float, __f)
SIMT_ARITHMETIC(double, __d)
SIMT_IN_MODES(float, __fmaf, (float a, float b, float c), std::fma(a, b, c))
SIMT_IN_MODES(double, __fma, (double a, double b, double c), std::fma(a, b, c))
#undef SIMT_ARITHMETIC
#undef SIMT_IN_MODES
#undef SIMT_IN_MODE
inline double __dsqrt_rn(double a) { return std::sqrt(a); }
inline double __drcp_rn(double a) { return 1.0 / a; }
inline float __frsqrt_rn(float a) { return float(1.0 / std::sqrt(double(a))); }

// Conversions clamp, and turn NaN into 0.
#define SIMT_TO_INTEGER(from, From, to, To)                                                 \
  inline To __##from##2##to##_rn(From v) { return simt::saturated<To>(std::nearbyint(v)); } \
  inline To __##from##2##to##_rz(From v) { return simt::saturated<To>(std::trunc(v)); }     \
  inline To __##from##2##to##_rd(From v) { return simt::saturated<To>(std::floor(v)); }     \
  inline To __##from##2##to##_ru(From v) { return simt::saturated<To>(std::ceil(v)); }
#define SIMT_TO_INTEGERS(from, From)          \
  SIMT_TO_INTEGER(from, From, int, int)       \
  SIMT_TO_INTEGER(from, From, uint, unsigned) \
  SIMT_TO_INTEGER(from, From, ll, long long)  \
  SIMT_TO_INTEGER(from, From, ull, unsigned long long)
SIMT_TO_INTEGERS(float, float)
SIMT_TO_INTEGERS(double, double)
#undef SIMT_TO_INTEGERS
#undef SIMT_TO_INTEGER
#define SIMT_FROM_INTEGER(from, From)                                                          \
  inline float __##from##2float_rn(From v) { return float(v); }                                \
  inline float __##from##2float_rz(From v) {                                                   \
    const float nearest = float(v);                                                            \
    const bool away = nearest > 0 ? double(nearest) > double(v) : double(nearest) < double(v); \
    return away ? std::nextafter(nearest, 0.0f) : nearest;                                     \
  }                                                                                            \
  inline double __##from##2double_rn(From v) { return double(v); }
SIMT_FROM_INTEGER(int, int)
SIMT_FROM_INTEGER(uint, unsigned)
SIMT_FROM_INTEGER(ll, long long)
SIMT_FROM_INTEGER(ull, unsigned long long)
#undef SIMT_FROM_INTEGER
inline float __double2float_rn(double v) { return float(v); }
inline float __double2float_rz(double v) {
  const float nearest = float(v);
  return std::fabs(double(nearest)) > std::fabs(v) ? std::nextafter(nearest, 0.0f) : nearest;
}
inline int __double2hiint(double v) { return int(std::bit_cast<std::uint64_t>(v) >> 32); }
inline int __double2loint(double v) { return int(std::bit_cast<std::uint64_t>(v)); }
inline double __hiloint2double(int high, int low) {
  return std::bit_cast<double>(std::uint64_t(unsigned(high)) << 32 | unsigned(low));
}

inline unsigned __brev(unsigned x) {
  unsigned y = 0;
  for (int i = 0; i < 32; ++i) y |= (x >> i & 1u) << (31 - i);
  return y;
}
inline unsigned long long __brevll(unsigned long long x) {
  return static_cast<unsigned long long>(__brev(unsigned(x))) << 32 | __brev(unsigned(x >> 32));
}
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
  const std::uint64_t bytes = std::uint64_t(y) << 32 | x;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i) {
    const unsigned pick = selector >> (4 * i) & 15u;
    unsigned byte = unsigned(bytes >> (8 * (pick & 7u))) & 255u;
    if ((pick & 8u) != 0) byte = (byte & 128u) != 0 ? 255u : 0u;
    result |= byte << (8 * i);
  }
  return result;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return unsigned((std::uint64_t(high) << 32 | low) << (shift & 31u) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return unsigned((std::uint64_t(high) << 32 | low) >> (shift & 31u));
}
inline unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned shift) {
  return shift >= 32 ? low : __funnelshift_l(low, high, shift);
}
inline unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned shift) {
  return shift >= 32 ? high : __funnelshift_r(low, high, shift);
}
inline unsigned __sad(int a, int b, unsigned c) {
  return unsigned(a < b ? std::int64_t(b) - a : std::int64_t(a) - b) + c;
}
inline unsigned __usad(unsigned a, unsigned b, unsigned c) { return (a < b ? b - a : a - b) + c; }
inline int __mul24(int a, int b) { return int(unsigned(a << 8 >> 8) * unsigned(b << 8 >> 8)); }
inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffffu) * (b & 0xffffffu); }
inline long long __mul64hi(long long a, long long b) {
  __extension__ using Wide = __int128;
  return static_cast<long long>((Wide(a) * b) >> 64);
}
inline int __hadd(int a, int b) { return int((std::int64_t(a) + b) >> 1); }
inline int __rhadd(int a, int b) { return int((std::int64_t(a) + b + 1) >> 1); }
inline unsigned __uhadd(unsigned a, unsigned b) { return unsigned((std::uint64_t(a) + b) >> 1); }
inline int __dp4a(int a, int b, int c) {
  for (int i = 0; i < 4; ++i) c += int(std::int8_t(a >> (8 * i))) * int(std::int8_t(b >> (8 * i)));
  return c;
}
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) {
  for (int i = 0; i < 4; ++i) c += (a >> (8 * i) & 255u) * (b >> (8 * i) & 255u);
  return c;
}
inline unsigned __vadd4(unsigned a, unsigned b) {
  return ((a & 0x7f7f7f7fu) + (b & 0x7f7f7f7fu)) ^ ((a ^ b) & 0x80808080u);
}
inline unsigned __vadd2(unsigned a, unsigned b) {
  return ((a & 0x7fff7fffu) + (b & 0x7fff7fffu)) ^ ((a ^ b) & 0x80008000u);
}

inline float fdividef(float a, float b) { return a / b; }
inline float rcbrtf(float x) { return 1.0f / std::cbrt(x); }
inline double rcbrt(double x) { return 1.0 / std::cbrt(x); }
inline float rhypotf(float x, float y) { return 1.0f / std::hypot(x, y); }
inline float norm3df(float x, float y, float z) { return std::hypot(x, y, z); }
inline double norm3d(double x, double y, double z) { return std::hypot(x, y, z); }
inline float sinpif(float x) { return float(std::sin(std::fmod(double(x), 2.0) * 3.14159265358979323846)); }
inline float cospif(float x) { return float(std::cos(std::fmod(double(x), 2.0) * 3.14159265358979323846)); }
inline double sinpi(double x) { return std::sin(std::fmod(x, 2.0) * 3.14159265358979323846); }
inline double cospi(double x) { return std::cos(std::fmod(x, 2.0) * 3.14159265358979323846); }
inline float normcdff(float x) { return float(0.5 * std::erfc(-double(x) * 0.70710678118654752440)); }
inline double normcdf(double x) { return 0.5 * std::erfc(-x * 0.70710678118654752440); }
inline double erfcx(double x) { return std::exp(x * x) * std::erfc(x); }
inline float erfcxf(float x) { return float(erfcx(double(x))); }

// Newton's steps on erf from Winitzki's formula.
inline double erfinv(double y) {
  if (!(std::fabs(y) < 1)) return std::fabs(y) == 1 ? std::copysign(HUGE_VAL, y) : std::nan("");
  const double log = std::log1p(-y * y), first = 4.3307467508 + log / 2;
  double x = std::copysign(std::sqrt(std::sqrt(first * first - log / 0.147) - first), y);
  for (int i = 0; i < 3; ++i) x -= (std::erf(x) - y) * 0.88622692545275801365 * std::exp(x * x);
  return x;
}
inline float erfinvf(float y) { return float(erfinv(double(y))); }
inline double erfcinv(double y) { return erfinv(1 - y); }
inline float erfcinvf(float y) { return float(erfinv(1 - double(y))); }
inline double normcdfinv(double y) { return 1.41421356237309504880 * erfinv(2 * y - 1); }
inline float normcdfinvf(float y) { return float(normcdfinv(double(y))); }

#define __tanf(x) (::simt::fast_sin(x) / ::simt::fast_cos(x))
#define __log2f(x) std::log2(x)
#define __log10f(x) (::simt::fast_log(x) * 0.434294482f)
#define __exp10f(x) std::exp2((x)*3.32192809f)

// A hint about caches changes no value.
#define SIMT_LOAD(name) \
  template <class T>    \
  T name(const T* p) {  \
    return *p;          \
  }
SIMT_LOAD(__ldcs)
SIMT_LOAD(__ldcg)
SIMT_LOAD(__ldca)
SIMT_LOAD(__ldlu)
SIMT_LOAD(__ldcv)
#undef SIMT_LOAD
#define SIMT_STORE(name)                           \
  template <class T>                               \
  void name(T* p, std::type_identity_t<T> value) { \
    *p = value;                                    \
  }
SIMT_STORE(__stcs)
SIMT_STORE(__stcg)
SIMT_STORE(__stwb)
SIMT_STORE(__stwt)
#undef SIMT_STORE

// Fixed-width SIMD by compiler vectors as wide as the target's registers: the same source on x86 and Arm.
#pragma once
#include <cstdint>
#include <cstring>

namespace stillpoint::kernels::simd {

#if defined(__AVX512F__)
inline constexpr int register_bytes = 64;
#elif defined(__AVX__)
inline constexpr int register_bytes = 32;
#else
inline constexpr int register_bytes = 16;
#endif

template <class T, int lanes>
struct VectorOf {
  typedef T type __attribute__((vector_size(lanes * sizeof(T))));
};
template <class T>
using Vector = typename VectorOf<T, register_bytes / int(sizeof(T))>::type;
// Lanes of Vector<T>.
template <class T>
inline constexpr int width = register_bytes / int(sizeof(T));

template <class T>
inline Vector<T> load(const T* p) {
  Vector<T> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
// Loads into a register that stays one. If a value is used often, a compiler may fold the load into each use,
// and so load it as often.
template <class T>
inline Vector<T> load_kept(const T* p) {
  Vector<T> v = load(p);
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__SSE2__)
  asm("" : "+x"(v));
#elif defined(__aarch64__)
  asm("" : "+w"(v));
#endif
  return v;
}
template <class T>
inline void store(T* p, Vector<T> v) {
  std::memcpy(p, &v, sizeof v);
}
template <class T>
inline Vector<T> splat(T x) {
  return x - Vector<T>{};
}
// max(v, 0); a NaN stays a NaN.
template <class T>
inline Vector<T> relu(Vector<T> v) {
  return v < Vector<T>{} ? Vector<T>{} : v;
}
// Combines the lanes: halves down to 16 bytes, and then the even lanes with the odd ones. It takes no
// address, for which g++ would keep the caller's vectors in memory.
template <class T, int lanes = width<T>, class Combine>
inline T fold(typename VectorOf<T, lanes>::type v, Combine combine) {
  if constexpr (lanes == 16) {
    return fold<T, 8>(combine(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7),
                              __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)),
                      combine);
  } else if constexpr (lanes == 8) {
    return fold<T, 4>(
        combine(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)),
        combine);
  } else if constexpr (lanes * sizeof(T) == 32) {
    return fold<T, 2>(combine(__builtin_shufflevector(v, v, 0, 1), __builtin_shufflevector(v, v, 2, 3)),
                      combine);
  } else if constexpr (lanes == 4) {
    return combine(combine(v[0], v[2]), combine(v[1], v[3]));
  } else {
    return combine(v[0], v[1]);
  }
}
template <class T>
inline T sum(Vector<T> v) {
  return fold<T>(v, [](auto a, auto b) { return a + b; });
}
template <class T>
inline T largest(Vector<T> v) {
  return fold<T>(v, [](auto a, auto b) { return a > b ? a : b; });
}

}  // namespace stillpoint::kernels::simd

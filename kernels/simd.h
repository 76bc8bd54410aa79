// Fixed-width SIMD by compiler vectors: as wide as the target's registers, the same source on x86 and Arm.
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

template <class T>
struct VectorOf {
  typedef T type __attribute__((vector_size(register_bytes)));
};
template <class T>
using Vector = typename VectorOf<T>::type;
// Lanes of Vector<T>.
template <class T>
inline constexpr int width = register_bytes / int(sizeof(T));

template <class T>
inline Vector<T> load(const T* p) {
  Vector<T> v;
  std::memcpy(&v, p, sizeof v);
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
// Sum over the lanes, in a fixed order.
template <class T>
inline T sum(Vector<T> v) {
  T total = 0;
  for (int i = 0; i < width<T>; ++i) total += v[i];
  return total;
}

}  // namespace stillpoint::kernels::simd

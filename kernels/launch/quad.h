// Four neighbouring channels as one value, the unit in which fused CUDA kernels use registers and shared
// memory.
#pragma once
#include "kernels/launch/launch.h"

namespace stillpoint::kernels {

template <class T>
struct alignas(16) Quad {
  T v[4];
};

constexpr int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

// Returns the row length of a tile of n channels in shared memory: an odd number of quads, so that the quads
// of eight neighbouring rows lie in different banks.
constexpr int tile_row(int n) { return 4 * (((n + 3) / 4) | 1); }

#if STILLPOINT_CUDA

template <class T>
__device__ __forceinline__ Quad<T> load_quad(const T* p) {
  return *reinterpret_cast<const Quad<T>*>(p);
}
template <class T>
__device__ __forceinline__ void store_quad(T* p, const Quad<T>& value) {
  *reinterpret_cast<Quad<T>*>(p) = value;
}
// max(x, 0); a NaN stays a NaN.
template <class T>
__device__ __forceinline__ T relu(T x) {
  return x < T(0) ? T(0) : x;
}
template <class T>
__device__ __forceinline__ Quad<T> relu(Quad<T> x) {
  STILLPOINT_UNROLL(4)
  for (int q = 0; q < 4; ++q) x.v[q] = relu(x.v[q]);
  return x;
}
// value where gate > 0, else 0
template <class T>
__device__ __forceinline__ Quad<T> gated(Quad<T> value, const Quad<T>& gate) {
  STILLPOINT_UNROLL(4)
  for (int q = 0; q < 4; ++q) value.v[q] = gate.v[q] > T(0) ? value.v[q] : T(0);
  return value;
}

// acc_q += sum_c x_c w[q,c] over c < channels (a multiple of 4); w has rows of `row` elements.
template <class T>
__device__ __forceinline__ void add_product(Quad<T>& acc, const T* x, const T* w, int row, int channels) {
  STILLPOINT_UNROLL(3)
  for (int c = 0; c < channels; c += 4) {
    const Quad<T> in = load_quad(x + c);
    STILLPOINT_UNROLL(4)
    for (int q = 0; q < 4; ++q) {
      const Quad<T> weight = load_quad(w + q * row + c);
      STILLPOINT_UNROLL(4)
      for (int k = 0; k < 4; ++k) acc.v[q] += in.v[k] * weight.v[k];
    }
  }
}

// acc_q += sum_o e_o w[o,q] over o < channels (a multiple of 4): the adjoint of add_product.
template <class T>
__device__ __forceinline__ void add_adjoint(Quad<T>& acc, const T* e, const T* w, int row, int channels) {
  STILLPOINT_UNROLL(3)
  for (int o = 0; o < channels; o += 4) {
    const Quad<T> error = load_quad(e + o);
    STILLPOINT_UNROLL(4)
    for (int k = 0; k < 4; ++k) {
      const Quad<T> weight = load_quad(w + (o + k) * row);
      STILLPOINT_UNROLL(4)
      for (int q = 0; q < 4; ++q) acc.v[q] += error.v[k] * weight.v[q];
    }
  }
}

// acc[q][k] += e_q x_k
template <class T>
__device__ __forceinline__ void add_outer(T (&acc)[4][4], const Quad<T>& e, const Quad<T>& x) {
  STILLPOINT_UNROLL(4)
  for (int q = 0; q < 4; ++q) STILLPOINT_UNROLL(4)
  for (int k = 0; k < 4; ++k) acc[q][k] += e.v[q] * x.v[k];
}

#endif  // STILLPOINT_CUDA

}  // namespace stillpoint::kernels

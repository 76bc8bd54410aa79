// Stand-in for CUDA's warp matrix functions: 16 x 16 tiles of float32 sums over tf32 (depth 8) or bf16 (depth
// 16).
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "cuda_bf16.h"

namespace nvcuda::wmma {

struct row_major;
struct col_major;
struct matrix_a;
struct matrix_b;
struct accumulator;
namespace precision {
struct tf32;
}
enum layout_t { mem_row_major, mem_col_major };

// A fragment that no kernel has set holds 0xFF in every byte, which mma_sync refuses.
template <class T, int Size>
struct FragmentBase {
  static constexpr int num_elements = Size;
  using element_type = T;
  T x[Size];
  FragmentBase() { std::memset(static_cast<void*>(x), 0xff, sizeof x); }
};

template <class Use, int M, int N, int K, class T, class Layout = void>
class fragment;
template <class Layout>
class fragment<matrix_a, 16, 16, 8, precision::tf32, Layout> : public FragmentBase<float, 4> {};
template <class Layout>
class fragment<matrix_b, 16, 16, 8, precision::tf32, Layout> : public FragmentBase<float, 4> {};
template <class Layout>
class fragment<matrix_a, 16, 16, 16, __nv_bfloat16, Layout> : public FragmentBase<__nv_bfloat16, 8> {};
template <class Layout>
class fragment<matrix_b, 16, 16, 16, __nv_bfloat16, Layout> : public FragmentBase<__nv_bfloat16, 8> {};
template <>
class fragment<accumulator, 16, 16, 8, float> : public FragmentBase<float, 8> {};
template <>
class fragment<accumulator, 16, 16, 16, float> : public FragmentBase<float, 8> {};

// Rounds to nearest, ties away from zero; every NaN becomes one that tf32 can hold.
inline float __float_to_tf32(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return std::bit_cast<float>(0x7fffe000u);
  if ((bits & 0x7f800000u) == 0x7f800000u) return x;
  return std::bit_cast<float>((bits + 0x1000u) & ~0x1fffu);
}

template <class T, int Size>
void fill_fragment(FragmentBase<T, Size>& f, std::type_identity_t<T> value) {
  for (T& x : f.x) x = value;
}

namespace detail {

// Returns the offset of a slot's element of the calling lane; `along` is true if the inner extent is
// contiguous.
inline std::size_t offset_of(int slot, int slots, unsigned ldm, bool along) {
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const simt::MatrixElement e = simt::matrix_element(int(thread % 32), slot, slots);
  return std::size_t(along ? e.outer : e.inner) * ldm + std::size_t(along ? e.inner : e.outer);
}

inline void meet(simt::Collective kind, const void* p, unsigned ldm, std::size_t element, simt::Where where) {
  simt::warp_collective(kind, ~0u, reinterpret_cast<std::uintptr_t>(p), int(ldm), int(element), where);
}

// Is inlined, as everything here that loads or stores, so that reports name the kernel's line.
template <class T, int Size>
__forceinline__ void load(FragmentBase<T, Size>& f, const T* p, unsigned ldm, bool along, simt::Where where) {
  meet(simt::Collective::load_matrix, p, ldm, sizeof(T), where);
  for (int slot = 0; slot < Size; ++slot) f.x[slot] = p[offset_of(slot, Size, ldm, along)];
}

}  // namespace detail

template <int K, class T, class Layout, class Element>
__forceinline__ void load_matrix_sync(fragment<matrix_a, 16, 16, K, T, Layout>& f, const Element* p,
                                      unsigned ldm, simt::Where where = simt::Where::current()) {
  detail::load(f, p, ldm, std::is_same_v<Layout, row_major>, where);
}
template <int K, class T, class Layout, class Element>
__forceinline__ void load_matrix_sync(fragment<matrix_b, 16, 16, K, T, Layout>& f, const Element* p,
                                      unsigned ldm, simt::Where where = simt::Where::current()) {
  detail::load(f, p, ldm, std::is_same_v<Layout, col_major>, where);
}
template <int K>
__forceinline__ void load_matrix_sync(fragment<accumulator, 16, 16, K, float>& f, const float* p,
                                      unsigned ldm, layout_t layout,
                                      simt::Where where = simt::Where::current()) {
  detail::load(f, p, ldm, layout == mem_row_major, where);
}
template <int K>
__forceinline__ void store_matrix_sync(float* p, const fragment<accumulator, 16, 16, K, float>& f,
                                       unsigned ldm, layout_t layout,
                                       simt::Where where = simt::Where::current()) {
  detail::meet(simt::Collective::store_matrix, p, ldm, sizeof(float), where);
  for (int slot = 0; slot < f.num_elements; ++slot)
    p[detail::offset_of(slot, f.num_elements, ldm, layout == mem_row_major)] = f.x[slot];
}

// d = a b + c
template <int K, class T, class LayoutA, class LayoutB>
void mma_sync(fragment<accumulator, 16, 16, K, float>& d, const fragment<matrix_a, 16, 16, K, T, LayoutA>& a,
              const fragment<matrix_b, 16, 16, K, T, LayoutB>& b,
              const fragment<accumulator, 16, 16, K, float>& c, simt::Where where = simt::Where::current()) {
  simt::LaneMatrices lane = {};
  lane.depth = K;
  for (int i = 0; i < a.num_elements; ++i) {
    lane.a[i] = float(a.x[i]);
    lane.b[i] = float(b.x[i]);
  }
  for (int i = 0; i < c.num_elements; ++i) lane.c[i] = c.x[i];
  detail::meet(simt::Collective::multiply_matrices, &lane, 0, 1, where);
  for (int i = 0; i < c.num_elements; ++i) d.x[i] = lane.d[i];
}

}  // namespace nvcuda::wmma

// The register tile of every CPU matrix product: a few rows times two SIMD vectors stay in registers over the
// sum.
#pragma once
#include <algorithm>
#include <type_traits>
#include <utility>

#include "kernels/device/array.h"
#include "kernels/launch/simd.h"

namespace stillpoint::kernels::tile {

using simd::Vector;

// The registers have to hold rows x 2 accumulators, two vectors of b and one broadcast of a.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int rows = 12;
#else
inline constexpr int rows = 6;
#endif
// Columns of a register tile; b is packed in panels of this many columns, padded with zeros.
template <class T>
inline constexpr int columns = 2 * simd::width<T>;

template <class T>
constexpr Index padded(Index n) {
  return (n + columns<T> - 1) / columns<T> * columns<T>;
}

// acc (R, columns) += a (R,k) b (k, columns). b(p,:) is at b + p b_stride. a(r,p) is at a + p a_stride + r if
// the rows are adjacent (a transposed operand), else at a + r a_stride + p.
template <bool rows_adjacent, class T, int R>
[[gnu::always_inline]] inline void multiply_add(Vector<T> (&acc)[R][2], Index k, const T* a, Index a_stride,
                                                const T* b, Index b_stride) {
  for (Index p = 0; p < k; ++p) {
    const Vector<T> b0 = simd::load(b), b1 = simd::load(b + simd::width<T>);
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
      const Vector<T> s = simd::splat(rows_adjacent ? a[r] : a[r * a_stride]);
      acc[r][0] += s * b0;
      acc[r][1] += s * b1;
    }
    a += rows_adjacent ? a_stride : 1;
    b += b_stride;
  }
}

// Loads the first n lanes; the others are 0.
template <class T>
inline Vector<T> load_some(const T* p, Index n) {
  Vector<T> v{};
  for (Index i = 0; i < std::min<Index>(n, simd::width<T>); ++i) v[i] = p[i];
  return v;
}
template <class T>
inline void store_some(T* p, Vector<T> v, Index n) {
  for (Index i = 0; i < std::min<Index>(n, simd::width<T>); ++i) p[i] = v[i];
}

// Calls f(std::integral_constant<int, n>) for n in 1..most.
template <int most, class F>
inline void with_count(Index n, F&& f) {
  if constexpr (most > 1)
    if (n < most) return with_count<most - 1>(n, f);
  f(std::integral_constant<int, most>{});
}

// Calls f(std::integral_constant<int, R>, first) for blocks of R <= `rows` neighbouring rows, nearly equal in
// size: a tile of one or two rows would wait for its own sums.
template <class F>
[[gnu::always_inline]] inline void for_row_blocks(Index count, F f) {
  const Index blocks = (count + rows - 1) / rows;
  Index first = 0;
  for (Index left = blocks; left > 0; --left) {
    const Index size = (count - first + left - 1) / left;
    [&]<int... I>(std::integer_sequence<int, I...>) {
      (void)((size == rows - I ? (f(std::integral_constant<int, rows - I>{}, first), true) : false) || ...);
    }
    (std::make_integer_sequence<int, rows>{});
    first += size;
  }
}

// Packs b (k,n), element (p,j) at b + p k_stride + j n_stride, as panels [n/columns][k][columns].
template <class T>
void pack_panels(Index k, Index n, const T* b, Index k_stride, Index n_stride, T* panels) {
  constexpr int width = columns<T>;
  for (Index j0 = 0; j0 < n; j0 += width) {
    const Index some = std::min<Index>(width, n - j0);
    const T* const from = b + j0 * n_stride;
    for (Index p = 0; p < k; ++p, panels += width) {
      if (some == width && n_stride == 1) {
        for (int j = 0; j < width; ++j) panels[j] = from[p * k_stride + j];
      } else {
        for (Index j = 0; j < some; ++j) panels[j] = from[p * k_stride + j * n_stride];
        for (Index j = some; j < width; ++j) panels[j] = T(0);
      }
    }
  }
}

}  // namespace stillpoint::kernels::tile

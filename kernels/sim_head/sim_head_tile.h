// The work of the SIM head's CPU form on one tile of positions: layers, their adjoints, and the edges of a
// tile.
#pragma once
#include <cmath>

#include "kernels/launch/register_tile.h"
#include "kernels/launch/simd_math.h"

// A tile of n positions by `width` channels lies in panels [width / columns][n][columns]. A row of register
// tiles is then contiguous for every product of the chain: forward (positions by channels), backward (the
// same), and weight gradient (channels by channels, summed over positions). Channels past `width` in the last
// panel have no meaning.
namespace stillpoint::kernels::sim_head_cpu {

using simd::Vector;
using tile::columns;

// Returns the offset of element (position, c) of a tile.
template <class T>
constexpr Index at(Index n, Index position, Index c) {
  return (c / columns<T> * n + position) * columns<T> + c % columns<T>;
}

// Returns the rows of x (n, width) from which a whole vector at channel c ends inside x, maybe in a later
// row.
template <class T>
constexpr Index whole_rows(Index n, Index width, Index c) {
  return n - (c + simd::width<T> - 1) / width;
}

// Copies row-major x (n, width) to a tile, padded with zeros.
template <class T>
void to_tile(Index n, Index width, const T* x, T* to) {
  constexpr int lanes = simd::width<T>;
  for (Index c = 0; c < width; c += lanes) {
    const Index some = std::min<Index>(lanes, width - c), whole = whole_rows<T>(n, width, c);
    Vector<T> inside{};
    for (Index j = 0; j < some; ++j) inside[j] = T(1);
    T* const column = to + at<T>(n, 0, c);
    for (Index p = 0; p < n; ++p) {
      const T* const from = x + p * width + c;
      const Vector<T> v = p < whole ? simd::load(from) : tile::load_some(from, some);
      simd::store(column + p * columns<T>, inside != Vector<T>{} ? v : Vector<T>{});
    }
  }
}

// Copies a tile to row-major x (n, width). Later rows overwrite what a whole vector writes past its row.
template <class T>
void from_tile(Index n, Index width, const T* from, T* x) {
  constexpr int lanes = simd::width<T>;
  const Index last = (width - 1) / lanes * lanes, whole = whole_rows<T>(n, width, last);
  for (Index p = 0; p < n; ++p, x += width) {
    for (Index c = 0; c < last; c += lanes) simd::store(x + c, simd::load(from + at<T>(n, p, c)));
    const Vector<T> v = simd::load(from + at<T>(n, p, last));
    if (p < whole)
      simd::store(x + last, v);
    else
      tile::store_some(x + last, v, width - last);
  }
}

// out (n, width) = finish(in w), with w packed as panels [width / columns][depth][columns]. finish gets a
// vector, its offset in the tile and its first channel.
template <class T, class Finish>
void multiply(Index n, Index depth, const T* in, const T* w, Index width, T* out, Finish finish) {
  constexpr int lanes = simd::width<T>, panel = columns<T>;
  for (Index c = 0; c < width; c += panel, w += depth * panel)
    tile::for_row_blocks(n, [&](auto count, Index first) {
      constexpr int R = count;
      Vector<T> acc[R][2] = {};
      for (Index d = 0; d < depth; d += panel)
        tile::multiply_add<false>(acc, std::min<Index>(panel, depth - d), in + d * n + first * panel, panel,
                                  w + d * panel, panel);
      Index offset = c * n + first * panel;
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r, offset += panel) {
        simd::store(out + offset, finish(acc[r][0], offset, c));
        simd::store(out + offset + lanes, finish(acc[r][1], offset + lanes, c + lanes));
      }
    });
}

// dw (out, row) = or += e^T z and db (out) = or += column sums of e, over the tile's positions.
template <class T>
void weight_gradient(Index n, Index out, Index in, const T* e, const T* z, T* dw, Index row, T* db,
                     bool add) {
  constexpr int lanes = simd::width<T>, panel = columns<T>;
  for (Index i = 0; i < in; i += panel)
    for (Index o = 0; o < out; o += panel)
      tile::for_row_blocks(std::min<Index>(panel, out - o), [&](auto count, Index first) {
        constexpr int R = count;
        Vector<T> acc[R][2] = {};
        tile::multiply_add<true>(acc, n, e + o * n + first, panel, z + i * n, panel);
        T* to = dw + (o + first) * row + i;
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r, to += row) {
          simd::store(to, add ? simd::load(to) + acc[r][0] : acc[r][0]);
          simd::store(to + lanes, add ? simd::load(to + lanes) + acc[r][1] : acc[r][1]);
        }
      });
  for (Index o = 0; o < out; o += lanes) {
    const T* from = e + at<T>(n, 0, o);
    Vector<T> sums[4] = {};
    for (Index p = 0; p < n; ++p) sums[p % 4] += simd::load(from + p * panel);
    const Vector<T> sum = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    simd::store(db + o, add ? simd::load(db + o) + sum : sum);
  }
}

// z (2 m channels) = scale [cos p, sin p] of p (m channels).
template <class T>
void lift(Index n, Index m, const T* p, T* z) {
  constexpr int lanes = simd::width<T>;
  const Vector<T> scale = simd::splat(T(std::sqrt(1.0 / double(m))));
  for (Index c = 0; c < m; c += lanes)
    for (Index i = 0; i < n; ++i) {
      Vector<T> sine, cosine;
      simd::sincos(simd::load(p + at<T>(n, i, c)), sine, cosine);
      sine *= scale;
      cosine *= scale;
      if (m % lanes == 0) {
        simd::store(z + at<T>(n, i, c), cosine);
        simd::store(z + at<T>(n, i, m + c), sine);
      } else {
        for (Index j = 0; j < std::min<Index>(lanes, m - c); ++j) {
          z[at<T>(n, i, c + j)] = cosine[j];
          z[at<T>(n, i, m + c + j)] = sine[j];
        }
      }
    }
}

// e (m channels) = z_cos g_sin - z_sin g_cos for g, z (2 m channels); z includes the scale.
template <class T>
void lift_adjoint(Index n, Index m, const T* z, const T* g, T* e) {
  constexpr int lanes = simd::width<T>;
  for (Index c = 0; c < m; c += lanes)
    for (Index i = 0; i < n; ++i) {
      const Index low = at<T>(n, i, c), high = at<T>(n, i, m + c);
      if (m % lanes == 0) {
        simd::store(e + low,
                    simd::load(z + low) * simd::load(g + high) - simd::load(z + high) * simd::load(g + low));
        continue;
      }
      for (Index j = c; j < std::min<Index>(c + lanes, m); ++j) {
        const Index cosine = at<T>(n, i, j), sine = at<T>(n, i, m + j);
        e[cosine] = z[cosine] * g[sine] - z[sine] * g[cosine];
      }
    }
}

// to (count) = the sum over slabs, in order.
template <class T>
void sum_slabs(Index slabs, Index stride, Index count, const T* from, T* to) {
  Index c = 0;
  for (; c + simd::width<T> <= count; c += simd::width<T>) {
    Vector<T> sum{};
    for (Index s = 0; s < slabs; ++s) sum += simd::load(from + s * stride + c);
    simd::store(to + c, sum);
  }
  for (; c < count; ++c) {
    T sum = 0;
    for (Index s = 0; s < slabs; ++s) sum += from[s * stride + c];
    to[c] = sum;
  }
}

// Returns v where z > 0, else 0.
template <class T>
inline Vector<T> gated(Vector<T> v, Vector<T> z) {
  return z > Vector<T>{} ? v : Vector<T>{};
}

}  // namespace stillpoint::kernels::sim_head_cpu

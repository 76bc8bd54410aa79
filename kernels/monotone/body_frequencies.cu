// Bodies around the products per frequency that invert convolutions.
#include "kernels/monotone/frequencies.h"

#include "kernels/launch/stream.h"

namespace stillpoint::kernels {
namespace {

// Rows are those of the result.
template <class T>
struct RealBlocks {
  const T* planes;
  T* blocks;
  Index rows, columns;
  template <class Team>
  STILLPOINT_HD void operator()(Index at, Team team) const {
    const Index b = at / (2 * rows), r = at % (2 * rows), half = r / rows, n = columns;
    const T* const re = planes + (2 * b * rows + r % rows) * n;
    const T* const im = re + rows * n;
    T* const to = blocks + at * 2 * n;
    const T *const left = half == 0 ? re : im, *const right = half == 0 ? im : re;
    const T sign = half == 0 ? T(-1) : T(1);
    assign(team, n, to, [=](Index j) { return left[j]; });
    assign(team, n, to + n, [=](Index j) { return sign * right[j]; });
  }
};

template <class T>
struct SumBlocks {
  const T* skew;
  T* gram;
  Index c;
  T diagonal, scale_gram, scale_skew;
  template <class Team>
  STILLPOINT_HD void operator()(Index at, Team team) const {
    const bool real = at / c % 2 == 0;
    const Index r = at % c;
    const T on_diagonal = real ? diagonal : T(0), of_gram = scale_gram, of_skew = scale_skew;
    T* const g = gram + at * c;
    const T* const s = skew == nullptr ? g : skew + at * c;
    assign(team, c, g,
           [=](Index j) { return of_gram * g[j] + of_skew * s[j] + (j == r ? on_diagonal : T(0)); });
  }
};

// A frequency of the stored half, and whether the value there is the conjugate of the requested one.
struct Place {
  Index at;
  bool conjugate;
};
STILLPOINT_HD Place stored_at(Index p, Index q, Index n) {
  if (p <= n / 2) return {p * n + q, false};
  return {(n - p) * n + (n - q) % n, true};
}
// Returns the alias-th of the fine image's four frequencies that fall on frequency f of the coarse one.
STILLPOINT_HD Place alias_of(Index f, Index alias, Index n) {
  const Index half = n / 2;
  return stored_at(f / half + (alias / 2) * half, f % half + (alias % 2) * half, n);
}

// Rows are coarse frequencies, their real and imaginary parts, and chunks of these.
template <class T>
struct FoldAliases {
  const T* x;
  T* y;
  Index n, width, chunk, chunks;
  T scale;
  template <class Team>
  STILLPOINT_HD void operator()(Index at, Team team) const {
    const Index f = at / chunks / 2, part = at / chunks % 2, begin = at % chunks * chunk;
    const T* from[4];
    T by[4];
    for (int k = 0; k < 4; ++k) {
      const Place p = alias_of(f, k, n);
      from[k] = x + (2 * p.at + part) * width + begin;
      by[k] = part == 1 && p.conjugate ? -scale : scale;
    }
    const T *const a = from[0], *const b = from[1], *const c = from[2], *const d = from[3];
    const T of_a = by[0], of_b = by[1], of_c = by[2], of_d = by[3];
    T* const to = y + (2 * f + part) * width + begin;
    assign(team, minimum<Index>(chunk, width - begin), to,
           [=](Index i) { return (of_a * a[i] + of_b * b[i]) + (of_c * c[i] + of_d * d[i]); });
  }
};

// Rows are fine frequencies, and chunks of their width.
template <class T>
struct TileAliases {
  const T* y;
  T* x;
  Index n, width, chunk, chunks;
  T scale;
  template <class Team>
  STILLPOINT_HD void operator()(Index at, Team team) const {
    const Index f = at / chunks, begin = at % chunks * chunk, half = n / 2, w = width;
    const Place from = stored_at(f / n % half, f % n % half, half);
    const T* const a = y + 2 * w * from.at + begin;
    T* const to = x + 2 * w * f + begin;
    const T s = scale, of_imaginary = from.conjugate ? -s : s;
    const Index count = minimum<Index>(chunk, w - begin);
    assign(team, count, to, [=](Index j) { return s * a[j]; });
    assign(team, count, to + w, [=](Index j) { return of_imaginary * a[w + j]; });
  }
};

template <class T>
struct FoldGram {
  const T* x;
  T* planes;
  Index n, c;
  STILLPOINT_HD void operator()(Index at) const {
    const Index j = at % c, i = at / c % c, plane = at / (c * c) % 2, f = at / (2 * c * c);
    T total = T(0);
    for (Index alias = 0; alias < 4; ++alias) {
      const Place p = alias_of(f, alias, n);
      const T value = x[4 * c * c * p.at + (plane * c + i) * 2 * c + j];
      total += plane == 1 && p.conjugate ? -value : value;
    }
    planes[at] = T(0.25) * total + (plane == 0 && i == j ? T(1) : T(0));
  }
};

template <class T>
struct CorrelationPlanes {
  const T* products;
  T* planes;
  Index n, c;
  STILLPOINT_HD void operator()(Index at) const {
    const Index j = at % c, i = at / c % c, f = at / (2 * c * c), p = f / n, width = 2 * c;
    const bool real = at / (c * c) % 2 == 0;
    const T scale = (p == 0 || 2 * p == n ? T(1) : T(2)) / T(n * n);
    const T* const x = products + 4 * c * c * f;
    const T same = real ? x[i * width + j] : x[(c + i) * width + j];
    const T crossed = real ? x[(c + i) * width + c + j] : -x[i * width + c + j];
    planes[at] = scale * (same + crossed);
  }
};

template <class T>
struct HermitianSum {
  const T* x;
  T* y;
  Index c;
  T scale;
  STILLPOINT_HD void operator()(Index at) const {
    const Index j = at % c, i = at / c % c, plane = at / (c * c) * c * c;
    const T mirror = x[plane + j * c + i];
    y[at] = scale * (x[at] + (plane / (c * c) % 2 == 0 ? mirror : -mirror));
  }
};

// A tile's extents along a and c. Its lines stay in L1. Lines of x, b c elements apart, may share a cache
// set, so a CPU uses few and long ones; a block's threads need many.
struct SwapTile {
  Index a, c;
};
SwapTile swap_tile(Device device) { return device == Device::cpu ? SwapTile{16, 256} : SwapTile{32, 32}; }

// Rows are the tiles (i,k) of plane j.
template <class T>
struct SwapEnds {
  const T* x;
  T* y;
  Index a, b, c;
  SwapTile tile;
  Index across_a, across_c;
  template <class Team>
  STILLPOINT_HD void operator()(Index at, Team team) const {
    const Index k0 = at % across_c * tile.c, i0 = at / across_c % across_a * tile.a,
                j = at / (across_c * across_a);
    const Index width = minimum<Index>(tile.a, a - i0), step = b * c;
    for (Index k = k0; k < minimum<Index>(k0 + tile.c, c); ++k) {
      const T* const from = x + (i0 * b + j) * c + k;
      T* const to = y + (k * b + j) * a + i0;
      team.each(width, [=](Index i) { to[i] = from[i * step]; });
    }
  }
};

constexpr Index longest_chunk = 1024;

Index chunks_of(Index width) { return (width + longest_chunk - 1) / longest_chunk; }

}  // namespace

void real_blocks(Index rows, Index columns, const Array& planes, const Array& blocks) {
  dispatch_real(blocks.dtype, "real_blocks", [&](auto zero) {
    using T = decltype(zero);
    each_row(blocks.device, planes.size / columns, 2 * columns,
             RealBlocks<T>{planes.as<T>(), blocks.as<T>(), rows, columns});
  });
}

void sum_blocks(Index c, const BlockSum& s, const Array& skew, const Array& gram) {
  dispatch_real(gram.dtype, "sum_blocks", [&](auto zero) {
    using T = decltype(zero);
    const bool with_skew = skew.data != nullptr;
    each_row(gram.device, gram.size / c, c,
             SumBlocks<T>{with_skew ? skew.as<T>() : nullptr, gram.as<T>(), c, T(s.diagonal), T(s.scale_gram),
                          with_skew ? T(s.scale_skew) : T(0)});
  });
}

void fold_aliases(HalfFrequencies fine, Index width, double scale, const Array& x, const Array& y) {
  dispatch_real(y.dtype, "fold_aliases", [&](auto zero) {
    using T = decltype(zero);
    const Index chunks = chunks_of(width);
    each_row(y.device, 2 * HalfFrequencies{fine.n / 2}.count() * chunks, 5 * minimum(width, longest_chunk),
             FoldAliases<T>{x.as<T>(), y.as<T>(), fine.n, width, longest_chunk, chunks, T(scale)});
  });
}

void tile_aliases(HalfFrequencies fine, Index width, double scale, const Array& y, const Array& x) {
  dispatch_real(x.dtype, "tile_aliases", [&](auto zero) {
    using T = decltype(zero);
    const Index chunks = chunks_of(width);
    each_row(x.device, fine.count() * chunks, 4 * minimum(width, longest_chunk),
             TileAliases<T>{y.as<T>(), x.as<T>(), fine.n, width, longest_chunk, chunks, T(scale)});
  });
}

void fold_gram(HalfFrequencies fine, Index c, const Array& x, const Array& planes) {
  dispatch_real(planes.dtype, "fold_gram", [&](auto zero) {
    using T = decltype(zero);
    each(planes.device, planes.size, FoldGram<T>{x.as<T>(), planes.as<T>(), fine.n, c});
  });
}

void correlation_planes(HalfFrequencies half, Index c, const Array& products, const Array& planes) {
  dispatch_real(planes.dtype, "correlation_planes", [&](auto zero) {
    using T = decltype(zero);
    each(planes.device, planes.size, CorrelationPlanes<T>{products.as<T>(), planes.as<T>(), half.n, c});
  });
}

void hermitian_sum(Index c, double scale, const Array& x, const Array& y) {
  dispatch_real(y.dtype, "hermitian_sum", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, HermitianSum<T>{x.as<T>(), y.as<T>(), c, T(scale)});
  });
}

void swap_ends(Index a, Index b, Index c, const Array& x, const Array& y) {
  dispatch_real(y.dtype, "swap_ends", [&](auto zero) {
    using T = decltype(zero);
    const SwapTile tile = swap_tile(y.device);
    const Index across_a = (a + tile.a - 1) / tile.a, across_c = (c + tile.c - 1) / tile.c;
    each_row(y.device, b * across_a * across_c, tile.a * tile.c,
             SwapEnds<T>{x.as<T>(), y.as<T>(), a, b, c, tile, across_a, across_c});
  });
}

}  // namespace stillpoint::kernels

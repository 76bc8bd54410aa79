// Parts of the CPU form of the TCN block: padded rows, packed weights, register tiles, and the division of
// work.
#pragma once
#include <algorithm>
#include <cmath>
#include <type_traits>

#include "kernels/host/pool.h"
#include "kernels/host/threads.h"
#include "kernels/launch/register_tile.h"
#include "kernels/tcn_block/tcn_block.h"

namespace stillpoint::kernels::tcn_block_cpu {

using simd::Vector;
template <class T>
inline constexpr Index width = simd::width<T>;

// A register tile is up to 5 channels by 2 vectors of time, 10 accumulators and 7 loads for 10 fused
// products, or twice as many channels if there are 32 registers.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int tile_channels = 10;
#else
inline constexpr int tile_channels = 5;
#endif
inline constexpr int tile_vectors = 2;
template <class T>
inline constexpr Index tile_steps = tile_vectors* width<T>;

// With fewer multiply-adds of a forward, a second thread costs more than it saves.
inline constexpr Index serial_products = 65536;
inline Index products(const TcnBlockShape& s) {
  return s.batch * s.channels * (s.in_channels + s.channels) * s.taps * s.length;
}

template <class T>
T* pointer(const Array& array) {
  return array.data == nullptr ? nullptr : array.as<T>();
}

// Part `rank` of `size` of a sample's work between two points at which all of it has to be done.
struct Team {
  Index rank = 0, size = 1;
};

// Calls work(team) for every part.
template <class Work>
void in_parts(Index parts, const Work& work) {
  parallel(parts, [&](Index part) { work(Team{part, parts}); });
}

// Returns whether all units are shared; then earlier work can be done with the first part of the first unit.
inline bool all_shared(Index units, bool worthwhile) { return worthwhile && units < thread_count(); }

// Calls work(parts, slot, unit) for units in [0, units): one piece each for as many units as give every
// thread the same number, then the others one after another in parts. `slot` is the scratch that the unit may
// use.
template <class Work>
void share_units(Index units, bool worthwhile, int slots, const Work& work) {
  const Index each = worthwhile ? thread_count() : 1, together = units / each * each;
  parallel(together, slots, [&](Index unit, int slot) { work(Index(1), slot, unit); });
  for (Index unit = together; unit < units; ++unit) work(2 * each, 0, unit);
}

// Rows of a sample with room to read past both ends: `margin` zeros before each row, and zeros from its last
// element to the next row. Rows are an odd number of cache lines apart, so that no two of them meet in one
// cache set.
template <class T>
struct Rows {
  static constexpr Index margin = tile_steps<T>;
  T* data = nullptr;
  Index stride = 0;

  static Index stride_for(Index length) {
    constexpr Index line = 64 / Index(sizeof(T));
    const Index used = (length + margin - 1) / margin * margin + margin;
    return ((used + line - 1) / line | 1) * line;
  }
  static Index elements(Index rows, Index length) {
    constexpr Index line = 64 / Index(sizeof(T));
    return (margin + line - 1) / line * line + rows * stride_for(length);
  }
  Rows(T* memory, Index length) : data(memory + elements(0, length)), stride(stride_for(length)) {}

  T* operator[](Index row) const { return data + row * stride; }
  // Sets to 0 what no element of row `row` covers.
  void clear_margins(Index row, Index length) const {
    std::fill((*this)[row] + length, (*this)[row] + stride, T(0));
    if (row == 0) std::fill(data - margin, data, T(0));
  }
  void fill(Index row, const T* values, Index length) const {
    std::copy(values, values + length, (*this)[row]);
    clear_margins(row, length);
  }
};

// Splits channels into as few tiles as possible; the first `wider` of them are one wider than the others.
struct ChannelTiles {
  Index count, size, wider;

  explicit ChannelTiles(Index channels)
      : count((channels + tile_channels - 1) / tile_channels),
        size(channels / count),
        wider(channels % count) {}
  Index begin(Index tile) const { return tile * size + std::min(tile, wider); }
  Index width(Index tile) const { return tile < wider ? size + 1 : size; }
};

// Normalised weights of a map in -> out with `taps` lags; lag l is tap taps - 1 - l.
template <class T>
struct Weights {
  const T* data = nullptr;
  Index in, out, taps, in_stride, out_stride;

  static Weights convolution(const T* w, Index in, Index out, Index taps) {
    return {w, in, out, taps, taps, in * taps};
  }
  Weights adjoint() const { return {data, out, in, taps, out_stride, in_stride}; }
  const T* first_lag(Index o) const { return data + o * out_stride + taps - 1; }
};

template <class T>
inline T dot(const T* a, const T* b, Index n) {
  Vector<T> even{}, odd{};
  Index i = 0;
  for (; i + 2 * width<T> <= n; i += 2 * width<T>) {
    even += simd::load(a + i) * simd::load(b + i);
    odd += simd::load(a + i + width<T>) * simd::load(b + i + width<T>);
  }
  T total = simd::sum<T>(even + odd);
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

// A block's weights after weight norm, w1 (C,Ci,K) and w2 (C,C,K), with the norms of the rows of v1 and of
// v2.
template <class T>
struct Normalised {
  Index channels, row1, row2;
  T *w1, *w2, *norm1, *norm2;

  static Index elements(const TcnBlockShape& s) {
    return s.channels * ((s.in_channels + s.channels) * s.taps + 2);
  }
  Normalised(const TcnBlockShape& s, T* memory)
      : channels(s.channels),
        row1(s.in_channels * s.taps),
        row2(s.channels * s.taps),
        w1(memory),
        w2(w1 + channels * row1),
        norm1(w2 + channels * row2),
        norm2(norm1 + channels) {}

  void compute(const Team& team, const TcnBlockWeights& w) const {
    for (Index o = team.rank; o < channels; o += team.size) {
      norm1[o] = row(pointer<T>(w.v1) + o * row1, pointer<T>(w.g1)[o], row1, w1 + o * row1);
      norm2[o] = row(pointer<T>(w.v2) + o * row2, pointer<T>(w.g2)[o], row2, w2 + o * row2);
    }
  }
  // w = gain v / ||v||; returns ||v||.
  static T row(const T* v, T gain, Index n, T* w) {
    const T norm = std::sqrt(dot(v, v, n)), scale = gain / norm;
    for (Index i = 0; i < n; ++i) w[i] = scale * v[i];
    return norm;
  }
};

template <class T, int O>
struct Tile {
  Vector<T> v[O][tile_vectors];
};

// tile[o][t] += sum over inputs and `lags` lags of w[o][i][lag] x[i][t + lag step]; `w` is the tile's first
// output at lag 0.
template <class T, int O>
inline void accumulate(Tile<T, O>& tile, const Weights<T>& weights, const T* w, const T* x, Index x_stride,
                       Index lags, Index step) {
  Tile<T, O> acc = tile;
  const Index in_stride = weights.in_stride, out_stride = weights.out_stride;
  for (Index lag = 0; lag < lags; ++lag, --w, x += step) {
    const T *row = x, *wi = w;
    for (Index i = 0; i < weights.in; ++i, row += x_stride, wi += in_stride) {
      const Vector<T> x0 = simd::load_kept(row), x1 = simd::load_kept(row + width<T>);
#pragma GCC unroll 10
      for (int o = 0; o < O; ++o) {
        const Vector<T> wo = simd::splat(wi[o * out_stride]);
        acc.v[o][0] += wo * x0;
        acc.v[o][1] += wo * x1;
      }
    }
  }
  tile = acc;
}

// Calls finish(first output, t, tile) for every tile of out[o][t] = sum w[o][i][lag] in[i][t + lag step];
// |step| is the dilation. Lags that reach only zeros are left out, which depends only on t.
template <class T, class Finish>
void convolve(const Team& team, Index length, const Weights<T>& w, const Rows<T>& in, Index step,
              Finish finish) {
  const ChannelTiles tiles(w.out);
  const Index t_stride = team.size / tiles.count * tile_steps<T>, tile_stride = team.size % tiles.count;
  Index t = team.rank / tiles.count * tile_steps<T>, tile = team.rank % tiles.count;
  Index lags = step < 0 ? 1 : w.taps;
  while (t < length) {
    while (step < 0 && lags < w.taps && t + tile_steps < T >> lags * -step) ++lags;
    while (step > 0 && lags > 1 && t + (lags - 1) * step >= length) --lags;
    const Index o = tiles.begin(tile);
    tile::with_count<tile_channels>(tiles.width(tile), [&](auto n) {
      Tile<T, n> out{};
      accumulate(out, w, w.first_lag(o), in[0] + t, in.stride, lags, step);
      finish(o, t, out);
    });
    tile += tile_stride;
    t += t_stride;
    if (tile >= tiles.count) tile -= tiles.count, t += tile_steps<T>;
  }
}

template <class T, int O>
inline void store_tile(T* out, Index stride, const Tile<T, O>& tile) {
#pragma GCC unroll 10
  for (int o = 0; o < O; ++o)
#pragma GCC unroll 2
    for (int k = 0; k < tile_vectors; ++k) simd::store(out + o * stride + k * width<T>, tile.v[o][k]);
}
// Stores the first `steps` steps of a tile.
template <class T, int O>
[[gnu::noinline]] void store_part(T* out, Index stride, Index steps, Tile<T, O> tile) {
  T rows[O * tile_steps<T>];
  store_tile(rows, tile_steps<T>, tile);
  for (int o = 0; o < O; ++o) std::copy_n(rows + o * tile_steps<T>, steps, out + o * stride);
}
// Stores the part of a tile that lies before the end of the rows, `steps` away.
template <class T, int O>
inline void store_tile(T* out, Index stride, Index steps, const Tile<T, O>& tile) {
  if (steps >= tile_steps<T>) return store_tile(out, stride, tile);
  store_part(out, stride, steps, tile);
}

// Calls f(channel, vector) for every vector of a tile.
template <int O, class F>
inline void each_vector(F f) {
#pragma GCC unroll 10
  for (int o = 0; o < O; ++o)
#pragma GCC unroll 2
    for (int k = 0; k < tile_vectors; ++k) f(o, k);
}
// The contracts are those of tcn_block_forward and tcn_block_backward, for non-empty checked CPU arrays of T.
template <class T>
void forward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const Array& a, const Array& h,
             const Array& y);
template <class T>
void backward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const TcnBlockMid& mid,
              const Array& y, const Array& dy, const Array& dx, const TcnBlockWeights& grads);

}  // namespace stillpoint::kernels::tcn_block_cpu

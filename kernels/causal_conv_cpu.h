// Parts of the CPU form of the TCN block: padded rows, packed weights, register tiles, and how threads share
// work.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "kernels/causal_conv.h"
#include "kernels/launch.h"
#include "kernels/simd.h"

namespace stillpoint::kernels::tcn_cpu {

using simd::Vector;
template <class T>
inline constexpr Index width = simd::width<T>;

// A register tile is up to 5 channels by 2 vectors of time: 10 accumulators, and 7 loads for 10 fused
// products.
inline constexpr int tile_channels = 5;
inline constexpr int tile_vectors = 2;
template <class T>
inline constexpr Index tile_steps = tile_vectors* width<T>;

// Multiply-adds of a forward under which a second thread costs more than it saves.
inline constexpr Index serial_products = 65536;
inline Index products(const TcnBlockShape& s) {
  return s.batch * s.channels * (s.in_channels + s.channels) * s.taps * s.length;
}

template <class T>
T* pointer(const Array& array) {
  return array.data == nullptr ? nullptr : array.as<T>();
}

// The threads that work on one sample together; a team of one never waits.
struct Team {
  Index rank = 0, size = 1;

  void wait() const {
    if (size > 1) {
#pragma omp barrier
    }
  }
};

// work(team, slice, unit) for units in [0, units): whole rounds with a thread for each unit, what is left
// with all threads on one unit. `slice` < threads is the scratch that the unit may use. Starts with a wait
// where work does not, so that what the threads wrote before is seen; ends without one.
template <class Work>
void share_units(const Team& all, Index units, Work work) {
  const Index rounds = units / all.size;
  if (rounds > 0) {
    all.wait();
    for (Index r = 0; r < rounds; ++r) work(Team{}, all.rank, all.rank * rounds + r);
  }
  for (Index unit = rounds * all.size; unit < units; ++unit) {
    if (unit > 0) all.wait();
    work(all, Index(0), unit);
  }
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
  // What no element of row `row` covers becomes 0.
  void clear_margins(Index row, Index length) const {
    std::fill((*this)[row] + length, (*this)[row] + stride, T(0));
    if (row == 0) std::fill(data - margin, data, T(0));
  }
  void fill(Index row, const T* values, Index length) const {
    std::copy(values, values + length, (*this)[row]);
    clear_margins(row, length);
  }
};

// Channels split into as few tiles as there can be, of nearly equal size.
struct ChannelTiles {
  Index channels;

  Index count() const { return (channels + tile_channels - 1) / tile_channels; }
  Index begin(Index tile) const { return channels * tile / count(); }
  Index of(Index channel) const { return ((channel + 1) * count() - 1) / channels; }
};

// f(std::integral_constant<int, n>) for n in 1..tile_channels.
template <class F>
inline void with_constant(Index n, F&& f) {
  static_assert(tile_channels == 5);
  switch (n) {
    case 1:
      return f(std::integral_constant<int, 1>{});
    case 2:
      return f(std::integral_constant<int, 2>{});
    case 3:
      return f(std::integral_constant<int, 3>{});
    case 4:
      return f(std::integral_constant<int, 4>{});
    default:
      return f(std::integral_constant<int, 5>{});
  }
}

// Weights of a map in -> out with `taps` lags, tile by tile of outputs: [tile][lag][in][out in the tile].
template <class T>
struct Packed {
  T* data;
  Index in, out, taps;

  Index size() const { return in * out * taps; }
  const T* tile(Index first_output) const { return data + first_output * in * taps; }
};

template <class T>
inline T dot(const T* a, const T* b, Index n) {
  Vector<T> lanes{};
  Index i = 0;
  for (; i + width<T> <= n; i += width<T>) lanes += simd::load(a + i) * simd::load(b + i);
  T total = simd::sum<T>(lanes);
  for (; i < n; ++i) total += a[i] * b[i];
  return total;
}

template <class T>
inline T norm(const T* v, Index n) {
  return std::sqrt(dot(v, v, n));
}

// Row v[in][tap] of output o, times scale; the lag of a tap is taps - 1 - tap.
template <class T>
void pack_row(const Packed<T>& to, const T* v, T scale, Index o) {
  const ChannelTiles tiles{to.out};
  const Index tile = tiles.of(o), first = tiles.begin(tile), size = tiles.begin(tile + 1) - first;
  T* at = to.data + first * to.in * to.taps + (o - first);
  for (Index i = 0; i < to.in; ++i, at += size, v += to.taps)
    for (Index lag = 0; lag < to.taps; ++lag) at[lag * to.in * size] = scale * v[to.taps - 1 - lag];
}

// The same for the adjoint: row v[out][tap] of its input i.
template <class T>
void pack_adjoint_row(const Packed<T>& to, const T* v, T scale, Index i) {
  const ChannelTiles tiles{to.out};
  for (Index tile = 0; tile < tiles.count(); ++tile) {
    const Index first = tiles.begin(tile), size = tiles.begin(tile + 1) - first;
    T* at = to.data + first * to.in * to.taps + i * size;
    for (Index o = 0; o < size; ++o, ++at, v += to.taps)
      for (Index lag = 0; lag < to.taps; ++lag) at[lag * to.in * size] = scale * v[to.taps - 1 - lag];
  }
}

template <class T, int O>
struct Tile {
  Vector<T> v[O][tile_vectors];
};

// tile[o][t] += sum over lags and inputs of w[lag][i][o] x[i][t + lag step].
template <class T, int O>
inline void accumulate(Tile<T, O>& tile, const T* w, const T* x, Index x_stride, Index inputs, Index lags,
                       Index step) {
  Tile<T, O> acc = tile;
  for (Index lag = 0; lag < lags; ++lag) {
    const T* row = x + lag * step;
    for (Index i = 0; i < inputs; ++i, row += x_stride, w += O) {
      const Vector<T> x0 = simd::load(row), x1 = simd::load(row + width<T>);
#pragma GCC unroll 5
      for (int o = 0; o < O; ++o) {
        const Vector<T> wo = simd::splat(w[o]);
        acc.v[o][0] += wo * x0;
        acc.v[o][1] += wo * x1;
      }
    }
  }
  tile = acc;
}

// finish(first output, t, tile) for every tile of out[o][t] = sum w[lag][i][o] in[i][t + lag step]; |step| is
// the dilation. Lags that reach only zeros are left out; which they are depends on t alone.
template <class T, class Finish>
void convolve(const Team& team, Index length, const Packed<T>& w, const Rows<T>& in, Index step,
              Finish finish) {
  const ChannelTiles tiles{w.out};
  const Index count = tiles.count(), dilation = step < 0 ? -step : step;
  Index t = team.rank / count * tile_steps<T>, tile = team.rank % count;
  while (t < length) {
    const Index reach = step < 0 ? t + tile_steps<T> - 1 : length - 1 - t;
    const Index lags = std::min(w.taps, reach / dilation + 1);
    const Index o = tiles.begin(tile);
    with_constant(tiles.begin(tile + 1) - o, [&](auto n) {
      Tile<T, n> out{};
      accumulate(out, w.tile(o), in[0] + t, in.stride, w.in, lags, step);
      finish(o, t, out);
    });
    tile += team.size % count;
    t += team.size / count * tile_steps<T>;
    if (tile >= count) tile -= count, t += tile_steps<T>;
  }
}

// Stores the lanes of `v` that lie before `end`.
template <class T>
inline void store_before(T* row, Index t, Index end, Vector<T> v) {
  if (t + width<T> <= end) return simd::store(row + t, v);
  for (Index lane = 0; t + lane < end; ++lane) row[t + lane] = v[lane];
}

// Contracts of tcn_block_forward and tcn_block_backward, on checked CPU arrays of T that are not empty.
template <class T>
void forward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const Array& a, const Array& h,
             const Array& y);
template <class T>
void backward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const TcnBlockMid& mid,
              const Array& y, const Array& dy, const Array& dx, const TcnBlockWeights& grads);

}  // namespace stillpoint::kernels::tcn_cpu

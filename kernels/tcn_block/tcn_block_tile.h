// Tiles of the fused TCN kernels, in time and in shared memory.
// A dilated causal convolution never mixes times of different t mod d, so a tile is a few neighbouring
// residues by a run of steps of length d, and its halo is K-1 steps whatever the dilation.
#pragma once
#include <optional>

#include "kernels/launch/launch.h"
#include "kernels/launch/quad.h"
#include "kernels/tcn_block/tcn_block.h"

namespace stillpoint::kernels::tcn {

inline constexpr int threads = 256;
// Two blocks per multiprocessor (by registers) if 48 KiB hold a tile, else at least one since sm_80.
inline constexpr std::size_t shared_limits[] = {48 * 1024, 96 * 1024};

// Sizes and the layout of weights in shared memory. Channels are padded by zeros to quads; w1 is
// [lag][C padded][in_row], w2 [lag][C padded][row] with lag = K-1-j, and lags lie an odd number of quads
// apart, so that storing v in its own order (j fastest) meets no bank twice.
struct Geometry {
  int in, channels, taps;
  Index length, dilation;
  int residues, phase_steps;  // min(d,T), ceil(T/d)
  int phases, steps;          // of a tile
  int groups, splits;         // tiles across the residues, and along a phase
  Index tiles;

  STILLPOINT_HD int padded_in() const { return (in + 3) / 4 * 4; }
  STILLPOINT_HD int padded() const { return (channels + 3) / 4 * 4; }
  STILLPOINT_HD int in_row() const { return tile_row(in); }
  STILLPOINT_HD int row() const { return tile_row(channels); }
  STILLPOINT_HD int lag1() const { return padded() * in_row() + 4; }
  STILLPOINT_HD int lag2() const { return padded() * row() + 4; }
  // The order is w1, w2, down_w, then the biases b1, b2, down_b.
  STILLPOINT_HD int weight_elements() const {
    return taps * (lag1() + lag2()) + padded() * in_row() + 3 * padded();
  }
  // Returns the steps of a tile with `halo` more steps, at most those of a phase.
  STILLPOINT_HD int steps_with(int halo) const { return minimum(steps + halo, phase_steps); }
};

struct ForwardTile {
  static Index elements(const Geometry& g) {
    const int halo = g.taps - 1;
    return g.weight_elements() +
           Index(g.phases) * (g.steps_with(2 * halo) * g.in_row() + g.steps_with(halo) * g.row());
  }
};
struct BackwardTile {
  // e2 and a have two halos, e1 and x one, dr none.
  static Index elements(const Geometry& g) {
    const int halo = g.taps - 1;
    const int rows = 2 * g.steps_with(2 * halo) + g.steps_with(halo) + g.steps;
    return g.weight_elements() + Index(g.phases) * (rows * g.row() + g.steps_with(halo) * g.in_row());
  }
};

// Returns the tiling with about `positions` positions in a tile.
inline Geometry tiling(const TcnBlockShape& s, int positions) {
  Geometry g{int(s.in_channels), int(s.channels), int(s.taps), s.length, s.dilation, 0, 0, 0, 0, 0, 0, 0};
  g.residues = int(std::min(s.dilation, s.length));
  g.phase_steps = int((s.length + s.dilation - 1) / s.dilation);
  g.splits = std::max(1, (g.phase_steps + positions / 2) / positions);
  g.steps = (g.phase_steps + g.splits - 1) / g.splits;
  g.splits = (g.phase_steps + g.steps - 1) / g.steps;
  g.phases = std::clamp(positions / g.steps, 1, g.residues);
  g.groups = (g.residues + g.phases - 1) / g.phases;
  g.phases = (g.residues + g.groups - 1) / g.groups;
  g.tiles = s.batch * g.groups * g.splits;
  return g;
}

// Returns the largest tile that fits shared memory and leaves 256 tiles to spread over the device, or else
// the largest of at most 64 positions; nothing if the weights do not fit or the halo would outgrow the tile.
template <class Tile>
std::optional<Geometry> choose_tiling(const TcnBlockShape& s, std::size_t element_bytes) {
  constexpr Index widest = 128;
  if (s.channels > widest || s.in_channels > widest || s.taps > widest || s.length >= (Index(1) << 30))
    return {};
  for (const std::size_t limit : shared_limits) {
    for (int positions = 256; positions >= 16; positions /= 2) {
      const Geometry g = tiling(s, positions);
      const bool fits = std::size_t(Tile::elements(g)) * element_bytes <= limit;
      const bool halo_pays = g.splits == 1 || g.taps - 1 <= g.steps;
      if (fits && halo_pays && (g.tiles >= 256 || positions <= 64)) return g;
    }
  }
  return {};
}

#if STILLPOINT_CUDA

// Steps [lo, hi) of residues first..first+phases-1 of sample n.
struct Tile {
  Index n;
  int first, lo, hi;

  __device__ Tile(const Geometry& g, Index index) {
    const int split = int(index % g.splits);
    index /= g.splits;
    first = int(index % g.groups) * g.phases;
    n = index / g.groups;
    lo = split * g.steps;
    hi = minimum(lo + g.steps, g.phase_steps);
  }
  // Returns the time of a step of the tile's p-th residue, or -1 if the sample has none.
  __device__ Index time(const Geometry& g, int step, int p) const {
    const Index t = Index(step) * g.dilation + first + p;
    return first + p < g.residues && t < g.length ? t : -1;
  }
};

// rows[(step - from) phases + p][c] = value(c, t) for steps [from, to), and 0 outside the sample; every
// padded channel is written. Neighbouring threads read neighbouring residues of one channel, and each stores
// a quad: single elements of rows that lie quads apart would meet in one bank, four at a time.
template <class T, class F>
__device__ void fill_rows(const Geometry& g, const Tile& tile, T* rows, int row, int channels, int from,
                          int to, F value) {
  const int positions = (to - from) * g.phases, quads = (channels + 3) / 4;
  for (int i = int(threadIdx.x); i < positions * quads; i += int(blockDim.x)) {
    const int quad = i / positions, at = i - quad * positions;
    const int step = at / g.phases;
    const Index t = tile.time(g, from + step, at - step * g.phases);
    Quad<T> values;
    STILLPOINT_UNROLL(4)
    for (int q = 0; q < 4; ++q)
      values.v[q] = t < 0 || 4 * quad + q >= channels ? T(0) : value(4 * quad + q, t);
    store_quad(rows + at * row + 4 * quad, values);
  }
}

// w[lag][o][c] = g_o v[o,c,j] / ||v_o||, one warp per o.
template <class T>
__device__ void load_normalised(const Geometry& g, const T* v, const T* gain, int in, int row, int lag_stride,
                                T* w) {
  const int lane = int(threadIdx.x) % 32, size = in * g.taps;
  for (int o = int(threadIdx.x) / 32; o < g.channels; o += int(blockDim.x) / 32) {
    const T* const vo = v + Index(o) * size;
    T squares = T(0);
    for (int e = lane; e < size; e += 32) squares += vo[e] * vo[e];
    for (int step = 16; step > 0; step /= 2) squares += __shfl_xor_sync(0xffffffffu, squares, step);
    const T scale = gain[o] / square_root(squares);
    for (int e = lane; e < size; e += 32) {
      const int c = e / g.taps, lag = g.taps - 1 - (e - c * g.taps);
      w[lag * lag_stride + o * row + c] = scale * vo[e];
    }
  }
}

// A block's weights: pointers into shared memory.
template <class T>
struct SharedWeights {
  T *w1, *w2, *down_w, *b1, *b2, *down_b, *end;
};

struct RawWeights {
  const void *v1, *g1, *b1, *v2, *g2, *b2, *down_w, *down_b;
};
inline RawWeights raw(const TcnBlockWeights& w) {
  return {w.v1.data, w.g1.data, w.b1.data, w.v2.data, w.g2.data, w.b2.data, w.down_w.data, w.down_b.data};
}

template <class T>
__device__ SharedWeights<T> load_weights(const Geometry& g, const RawWeights& raw, T* shared) {
  SharedWeights<T> s;
  s.w1 = shared;
  s.w2 = s.w1 + g.taps * g.lag1();
  s.down_w = s.w2 + g.taps * g.lag2();
  s.b1 = s.down_w + g.padded() * g.in_row();
  s.b2 = s.b1 + g.padded();
  s.down_b = s.b2 + g.padded();
  s.end = s.down_b + g.padded();
  for (int i = int(threadIdx.x); i < g.weight_elements(); i += int(blockDim.x)) shared[i] = T(0);
  __syncthreads();
  load_normalised(g, static_cast<const T*>(raw.v1), static_cast<const T*>(raw.g1), g.in, g.in_row(), g.lag1(),
                  s.w1);
  load_normalised(g, static_cast<const T*>(raw.v2), static_cast<const T*>(raw.g2), g.channels, g.row(),
                  g.lag2(), s.w2);
  for (int o = int(threadIdx.x); o < g.channels; o += int(blockDim.x)) {
    s.b1[o] = static_cast<const T*>(raw.b1)[o];
    s.b2[o] = static_cast<const T*>(raw.b2)[o];
    if (raw.down_w == nullptr) continue;
    s.down_b[o] = static_cast<const T*>(raw.down_b)[o];
    for (int c = 0; c < g.in; ++c)
      s.down_w[o * g.in_row() + c] = static_cast<const T*>(raw.down_w)[o * g.in + c];
  }
  return s;
}

#endif  // STILLPOINT_CUDA

}  // namespace stillpoint::kernels::tcn

// The fused TCN block on CUDA: forward in one kernel, backward in one kernel and an ordered reduction.
#include "kernels/tcn_block/tcn_block.h"

#include "kernels/tcn_block/tcn_block_cuda.h"
#include "kernels/tcn_block/tcn_block_tile.h"

namespace stillpoint::kernels {
namespace {

using namespace tcn;

template <class T>
struct ForwardArgs {
  Geometry g;
  RawWeights weights;
  const T* x;
  T *a, *h, *y;
};

// Writes those of the channels [o, o+4) that exist, at time t.
template <class T>
__device__ void scatter_quad(T* out, Index n, int channels, int o, Index length, Index t,
                             const Quad<T>& value) {
  T* const p = out + (n * channels + o) * length + t;
  STILLPOINT_UNROLL(4)
  for (int q = 0; q < 4; ++q)
    if (o + q < channels) p[q * length] = value.v[q];
}

// a = relu(w1 * x + b1) for steps [from, hi); own steps also go to memory.
template <class T>
__device__ void first_convolution(const ForwardArgs<T>& args, const Tile& tile, const SharedWeights<T>& w,
                                  const T* x, int x_from, T* a, int from) {
  const Geometry& g = args.g;
  const int positions = (tile.hi - from) * g.phases;
  for (int i = int(threadIdx.x); i < positions * (g.padded() / 4); i += threads) {
    const int o = 4 * (i / positions), at = i % positions;
    const int step = from + at / g.phases, p = at % g.phases;
    Quad<T> acc = load_quad(w.b1 + o);
    const T* in = x + ((step - x_from) * g.phases + p) * g.in_row();
    for (int lag = 0; lag < minimum(g.taps, step + 1); ++lag, in -= g.phases * g.in_row())
      add_product(acc, in, w.w1 + lag * g.lag1() + o * g.in_row(), g.in_row(), g.padded_in());
    acc = relu(acc);
    store_quad(a + at * g.row() + o, acc);
    const Index t = tile.time(g, step, p);
    if (step >= tile.lo && t >= 0) scatter_quad(args.a, tile.n, g.channels, o, g.length, t, acc);
  }
}

// h = relu(w2 * a + b2), y = relu(h + r) for the tile's own steps.
template <class T>
__device__ void second_convolution(const ForwardArgs<T>& args, const Tile& tile, const SharedWeights<T>& w,
                                   const T* x, int x_from, const T* a, int a_from) {
  const Geometry& g = args.g;
  const int positions = (tile.hi - tile.lo) * g.phases;
  for (int i = int(threadIdx.x); i < positions * (g.padded() / 4); i += threads) {
    const int o = 4 * (i / positions), at = i % positions;
    const int step = tile.lo + at / g.phases, p = at % g.phases;
    const Index t = tile.time(g, step, p);
    if (t < 0) continue;
    Quad<T> h = load_quad(w.b2 + o);
    const T* in = a + ((step - a_from) * g.phases + p) * g.row();
    for (int lag = 0; lag < minimum(g.taps, step + 1); ++lag, in -= g.phases * g.row())
      add_product(h, in, w.w2 + lag * g.lag2() + o * g.row(), g.row(), g.padded());
    h = relu(h);
    const T* const own = x + ((step - x_from) * g.phases + p) * g.in_row();
    Quad<T> y = load_quad(args.weights.down_w != nullptr ? w.down_b + o : own + o);
    if (args.weights.down_w != nullptr)
      add_product(y, own, w.down_w + o * g.in_row(), g.in_row(), g.padded_in());
    STILLPOINT_UNROLL(4)
    for (int q = 0; q < 4; ++q) y.v[q] += h.v[q];
    scatter_quad(args.h, tile.n, g.channels, o, g.length, t, h);
    scatter_quad(args.y, tile.n, g.channels, o, g.length, t, relu(y));
  }
}

// Shared-memory loads (5 quads per 16 multiply-adds) bound it once tiles fill the device. At a few samples
// latency does: loading, the norms and four barriers.
template <class T>
__global__ void __launch_bounds__(threads, 2) tcn_block_forward_fused(ForwardArgs<T> args) {
  const Geometry& g = args.g;
  const SharedWeights<T> w = load_weights(g, args.weights, dynamic_shared<T>());
  T* const x = w.end;
  T* const a = x + g.phases * g.steps_with(2 * (g.taps - 1)) * g.in_row();
  for (Index index = blockIdx.x; index < g.tiles; index += gridDim.x) {
    const Tile tile(g, index);
    const int x_from = maximum(0, tile.lo - 2 * (g.taps - 1)), a_from = maximum(0, tile.lo - (g.taps - 1));
    const T* const sample = args.x + tile.n * g.in * g.length;
    __syncthreads();
    fill_rows(g, tile, x, g.in_row(), g.in, x_from, tile.hi,
              [&](int c, Index t) { return __ldg(sample + c * g.length + t); });
    __syncthreads();
    first_convolution(args, tile, w, x, x_from, a, a_from);
    __syncthreads();
    second_convolution(args, tile, w, x, x_from, a, a_from);
  }
}

template <class T>
struct BackwardArgs {
  Geometry g;
  RawWeights weights;
  const T *x, *a, *h, *y, *dy;
  T *dx, *partials;
  TcnPartialShape partial;
};

// The shared tiles of the backward pass; dr = dy [y>0], e2 = dr [h>0], e1 = (w2^T e2) [a>0].
template <class T>
struct BackwardTiles {
  T *e2, *a, *e1, *dr, *x;
  int a_from, x_from, e1_to, e2_to;

  __device__ BackwardTiles(const Geometry& g, const Tile& tile, T* shared) {
    const int halo = g.taps - 1;
    e2 = shared;
    a = e2 + g.phases * g.steps_with(2 * halo) * g.row();
    e1 = a + g.phases * g.steps_with(2 * halo) * g.row();
    dr = e1 + g.phases * g.steps_with(halo) * g.row();
    x = dr + g.phases * g.steps * g.row();
    a_from = x_from = maximum(0, tile.lo - halo);
    e1_to = minimum(tile.hi + halo, g.phase_steps);
    e2_to = minimum(tile.hi + 2 * halo, g.phase_steps);
  }
};

template <class T>
__device__ void load_tiles(const BackwardArgs<T>& args, const Tile& tile, const BackwardTiles<T>& s) {
  const Geometry& g = args.g;
  const Index out = tile.n * g.channels * g.length;
  fill_rows(g, tile, s.e2, g.row(), g.channels, tile.lo, s.e2_to, [&](int c, Index t) {
    const Index at = out + c * g.length + t;
    return __ldg(args.y + at) > T(0) && __ldg(args.h + at) > T(0) ? __ldg(args.dy + at) : T(0);
  });
  fill_rows(g, tile, s.dr, g.row(), g.channels, tile.lo, tile.hi, [&](int c, Index t) {
    const Index at = out + c * g.length + t;
    return __ldg(args.y + at) > T(0) ? __ldg(args.dy + at) : T(0);
  });
  fill_rows(g, tile, s.a, g.row(), g.channels, s.a_from, s.e1_to,
            [&](int c, Index t) { return __ldg(args.a + out + c * g.length + t); });
  fill_rows(g, tile, s.x, g.in_row(), g.in, s.x_from, tile.hi,
            [&](int c, Index t) { return __ldg(args.x + (tile.n * g.in + c) * g.length + t); });
}

template <class T>
__device__ void second_adjoint(const Geometry& g, const Tile& tile, const SharedWeights<T>& w,
                               const BackwardTiles<T>& s) {
  const int positions = (s.e1_to - tile.lo) * g.phases;
  for (int i = int(threadIdx.x); i < positions * (g.padded() / 4); i += threads) {
    const int c = 4 * (i / positions), at = i % positions;
    const int step = tile.lo + at / g.phases;
    Quad<T> acc{};
    const T* error = s.e2 + at * g.row();
    for (int lag = 0; lag < minimum(g.taps, g.phase_steps - step); ++lag, error += g.phases * g.row())
      add_adjoint(acc, error, w.w2 + lag * g.lag2() + c, g.row(), g.padded());
    const Quad<T> a = load_quad(s.a + ((tile.lo - s.a_from) * g.phases + at) * g.row() + c);
    store_quad(s.e1 + at * g.row() + c, gated(acc, a));
  }
}

// dx = w1^T e1 + r^T dr for the tile's own steps.
template <class T>
__device__ void input_adjoint(const BackwardArgs<T>& args, const Tile& tile, const SharedWeights<T>& w,
                              const BackwardTiles<T>& s) {
  const Geometry& g = args.g;
  const int positions = (tile.hi - tile.lo) * g.phases;
  for (int i = int(threadIdx.x); i < positions * (g.padded_in() / 4); i += threads) {
    const int c = 4 * (i / positions), at = i % positions;
    const int step = tile.lo + at / g.phases;
    const Index t = tile.time(g, step, at % g.phases);
    if (t < 0) continue;
    Quad<T> acc{};
    if (args.weights.down_w != nullptr)
      add_adjoint(acc, s.dr + at * g.row(), w.down_w + c, g.in_row(), g.padded());
    else
      acc = load_quad(s.dr + at * g.row() + c);
    const T* error = s.e1 + at * g.row();
    for (int lag = 0; lag < minimum(g.taps, g.phase_steps - step); ++lag, error += g.phases * g.row())
      add_adjoint(acc, error, w.w1 + lag * g.lag1() + c, g.in_row(), g.padded());
    scatter_quad(args.dx, tile.n, g.in, c, g.length, t, acc);
  }
}

// One linear map of the block for its weight gradient: errors of the tile's own steps, inputs from step
// `from` on, and its rows in the partial set.
template <class T>
struct GradientMap {
  const T *errors, *inputs;
  int from, in, row, taps;
  T* partial;
  Index partial_row;
};

// Adds 4 outputs by 4 inputs of one lag, or the bias gradient of 4 outputs, over the tile's positions.
template <class T>
__device__ void add_gradient(const Geometry& g, const Tile& tile, const GradientMap<T>& map, int item,
                             bool first) {
  const int out_quads = g.padded() / 4, in_quads = (map.in + 3) / 4;
  const int o = 4 * (item % out_quads), rest = item / out_quads;
  const bool bias = rest == map.taps * in_quads;
  const int lag = bias ? 0 : rest / in_quads, c = bias ? 0 : 4 * (rest % in_quads);
  const int start = maximum(tile.lo, lag);
  const T* error = map.errors + (start - tile.lo) * g.phases * g.row() + o;
  const T* input = map.inputs + (start - lag - map.from) * g.phases * map.row + c;
  T acc[4][4] = {};
  const Quad<T> one{{T(1), T(0), T(0), T(0)}};
  for (int i = start * g.phases; i < tile.hi * g.phases; ++i, error += g.row(), input += map.row)
    add_outer(acc, load_quad(error), bias ? one : load_quad(input));
  STILLPOINT_UNROLL(4)
  for (int q = 0; q < 4; ++q) {
    STILLPOINT_UNROLL(4)
    for (int k = 0; k < 4; ++k) {
      if (o + q >= g.channels || (bias ? k > 0 : c + k >= map.in)) continue;
      const int e = bias ? map.in * map.taps : (c + k) * map.taps + map.taps - 1 - lag;
      T* const p = map.partial + (o + q) * map.partial_row + e;
      *p = first ? acc[q][k] : *p + acc[q][k];
    }
  }
}

template <class T>
__device__ void weight_gradients(const BackwardArgs<T>& args, const Tile& tile, const BackwardTiles<T>& s,
                                 bool first) {
  const Geometry& g = args.g;
  T* const set = args.partials + Index(blockIdx.x) * args.partial.set_size;
  T* const set2 = set + g.channels * args.partial.row1;
  T* const set_down = set2 + g.channels * args.partial.row2;
  const GradientMap<T> conv1{s.e1, s.x, s.x_from, g.in, g.in_row(), g.taps, set, args.partial.row1};
  const GradientMap<T> conv2{s.e2, s.a, s.a_from, g.channels, g.row(), g.taps, set2, args.partial.row2};
  const GradientMap<T> down{s.dr, s.x, s.x_from, g.in, g.in_row(), 1, set_down, args.partial.row_down};
  const int quads = g.padded() / 4, in_quads = g.padded_in() / 4;
  const int items1 = quads * (g.taps * in_quads + 1), items2 = quads * (g.taps * quads + 1);
  const int items_down = args.weights.down_w != nullptr ? quads * (in_quads + 1) : 0;
  for (int i = int(threadIdx.x); i < items1 + items2 + items_down; i += threads) {
    if (i < items2)
      add_gradient(g, tile, conv2, i, first);
    else if (i < items2 + items1)
      add_gradient(g, tile, conv1, i - items2, first);
    else
      add_gradient(g, tile, down, i - items2 - items1, first);
  }
}

// Shared-memory loads bound it, as in the forward kernel; each block leaves one set of partial weight
// gradients.
template <class T>
__global__ void __launch_bounds__(threads, 2) tcn_block_backward_fused(BackwardArgs<T> args) {
  const Geometry& g = args.g;
  const SharedWeights<T> w = load_weights(g, args.weights, dynamic_shared<T>());
  for (Index index = blockIdx.x; index < g.tiles; index += gridDim.x) {
    const Tile tile(g, index);
    const BackwardTiles<T> s(g, tile, w.end);
    __syncthreads();
    load_tiles(args, tile, s);
    __syncthreads();
    second_adjoint(g, tile, w, s);
    __syncthreads();
    if (args.dx != nullptr) input_adjoint(args, tile, w, s);
    weight_gradients(args, tile, s, index == Index(blockIdx.x));
  }
}

template <class T>
void forward_fused(const Geometry& g, const TcnBlockWeights& weights, const Array& x, const Array& a,
                   const Array& h, const Array& y) {
  const ForwardArgs<T> args{g, raw(weights), x.as<T>(), a.as<T>(), h.as<T>(), y.as<T>()};
  const LaunchShape shape{dim3(grid_for(g.tiles, 1)), dim3(threads),
                          std::size_t(ForwardTile::elements(g)) * sizeof(T)};
  launch("tcn_block_forward_fused", tcn_block_forward_fused<T>, shape, args);
}

template <class T>
void backward_fused(const Geometry& g, const TcnBlockShape& shape, const TcnBlockWeights& weights,
                    const Array& x, const TcnBlockMid& mid, const Array& y, const Array& dy, const Array& dx,
                    const TcnBlockWeights& grads) {
  // The number of sets fixes the order of the sums, so it depends only on the shape.
  constexpr Index most_sets = 256;
  const Index sets = std::min(g.tiles, most_sets);
  const TcnPartialShape partial = tcn_block_partial_shape(shape, weights.down_w.data != nullptr);
  Buffer scratch(Device::cuda, std::size_t(sets * partial.set_size) * sizeof(T));
  T* const partials = static_cast<T*>(scratch.data());
  const BackwardArgs<T> args{g,
                             raw(weights),
                             x.as<T>(),
                             mid.a.as<T>(),
                             mid.h.as<T>(),
                             y.as<T>(),
                             dy.as<T>(),
                             dx.data == nullptr ? nullptr : dx.as<T>(),
                             partials,
                             partial};
  const LaunchShape launch_shape{dim3(unsigned(sets)), dim3(threads),
                                 std::size_t(BackwardTile::elements(g)) * sizeof(T)};
  launch("tcn_block_backward_fused", tcn_block_backward_fused<T>, launch_shape, args);
  tcn_block_sum_partials(shape, weights, sets, std::move(scratch), grads);
}

}  // namespace

void tcn_block_forward_cuda(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                            const Array& a, const Array& h, const Array& y) {
  if (y.size == 0) return;
  dispatch_real(y.dtype, "tcn_block_forward", [&](auto zero) {
    using T = decltype(zero);
    if (const auto g = choose_tiling<ForwardTile>(shape, sizeof(T)))
      forward_fused<T>(*g, weights, x, a, h, y);
    else
      tcn_block_forward_general(shape, weights, x, a, h, y);
  });
}

void tcn_block_backward_cuda(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                             const TcnBlockMid& mid, const Array& y, const Array& dy, const Array& dx,
                             const TcnBlockWeights& grads) {
  if (y.size == 0) return tcn_block_sum_partials(shape, weights, 0, {}, grads);
  dispatch_real(y.dtype, "tcn_block_backward", [&](auto zero) {
    using T = decltype(zero);
    if (const auto g = choose_tiling<BackwardTile>(shape, sizeof(T)))
      backward_fused<T>(*g, shape, weights, x, mid, y, dy, dx, grads);
    else
      tcn_block_backward_general(shape, weights, x, mid, y, dy, dx, grads);
  });
}

}  // namespace stillpoint::kernels

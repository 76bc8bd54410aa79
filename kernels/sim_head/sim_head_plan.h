// The description of a chain that the fused SIM head's kernels get by value: layers, offsets, and the tile's
// size.
#pragma once
#include <cmath>
#include <optional>

#include "kernels/launch/gradient_sums.h"
#include "kernels/launch/launch.h"
#include "kernels/launch/optional_array.h"
#include "kernels/launch/quad.h"
#include "kernels/sim_head/sim_head_cuda.h"

namespace stillpoint::kernels::head {

inline constexpr int threads = 256, most_layers = 12;

struct Slot {
  int in, out, width;
  Activation activation;
  bool wanted;         // some gradient of w or b is asked for
  int weights;         // offset of w (out padded, tile_row(in)) and b (out padded) in shared memory
  int gradient;        // offset of dw (out,in) and db (out) in a partial set
  std::int64_t saved;  // offset of z in `saved`
  const void *w, *b;
  double scale;  // sqrt(1/out), for the Fourier features

  STILLPOINT_HD int in_padded() const { return (in + 3) / 4 * 4; }
  STILLPOINT_HD int out_padded() const { return (out + 3) / 4 * 4; }
  STILLPOINT_HD int w_row() const { return tile_row(in); }
  STILLPOINT_HD int bias() const { return weights + out_padded() * w_row(); }
};

struct Plan {
  Slot slots[most_layers];
  int layers, row;  // row: length of a row of activations in shared memory
  int weight_elements, set_size;
  int tile;  // positions
  Index positions, tiles;
};

// Returns the layers of a chain that is short and narrow enough to fuse, not yet placed in shared memory, or
// nothing.
inline std::optional<Plan> narrow_plan(Index positions, const std::vector<SimHeadLayer>& layers) {
  if (layers.size() > std::size_t(most_layers)) return {};
  Plan plan{};
  Index saved = 0;
  for (const SimHeadLayer& layer : layers) {
    if (layer.in > narrow_width || width_of(layer) > narrow_width) return {};
    Slot& s = plan.slots[plan.layers++];
    s = {int(layer.in),
         int(layer.out),
         int(width_of(layer)),
         layer.activation,
         false,
         0,
         0,
         saved,
         layer.w.data,
         layer.b.data,
         std::sqrt(1.0 / double(layer.out))};
    saved += positions * s.width;
  }
  plan.positions = positions;
  return plan;
}

// Chooses the largest tile whose `bytes(tile)` of shared memory are at most 48 KiB, else at most 96 KiB, and
// that leaves 256 of them to spread over the device, or else one of at most 32 positions. Returns false if
// not even `least` positions fit.
template <class Bytes>
bool choose_tile(Plan& plan, int least, Bytes bytes) {
  for (const std::size_t limit : {48 * 1024, 96 * 1024}) {
    for (plan.tile = 64; plan.tile >= least; plan.tile /= 2) {
      plan.tiles = (plan.positions + plan.tile - 1) / plan.tile;
      if (bytes(plan.tile) <= limit && (plan.tiles >= 256 || plan.tile <= 32)) return true;
    }
  }
  return false;
}

// Returns the plan of a chain whose weights and `buffers` tiles of activations fit shared memory, or nothing.
inline std::optional<Plan> make_plan(Index positions, const std::vector<SimHeadLayer>& layers, int buffers,
                                     std::size_t element_bytes) {
  std::optional<Plan> plan = narrow_plan(positions, layers);
  if (!plan) return {};
  for (int l = 0; l < plan->layers; ++l) {
    Slot& s = plan->slots[l];
    s.weights = plan->weight_elements;
    plan->weight_elements = s.bias() + s.out_padded();
    plan->row = std::max({plan->row, tile_row(s.in), tile_row(s.width)});
  }
  const auto bytes = [&](int tile) {
    return std::size_t(plan->weight_elements + buffers * tile * plan->row) * element_bytes;
  };
  return choose_tile(*plan, 8, bytes) ? plan : std::nullopt;
}

#if STILLPOINT_CUDA

// Lays out the partial sets, dw (out,in) and db (out) of each layer with sizes made larger by `padded`, in
// `plan`, and returns where their sums go.
template <class Padded>
std::vector<GradientRows> lay_out_sets(const std::vector<SimHeadLayer>& layers, const SimHeadGrads& grads,
                                       Plan& plan, Padded padded) {
  std::vector<GradientRows> sums;
  for (int l = 0; l < plan.layers; ++l) {
    Slot& s = plan.slots[l];
    const Array &dw = grads.dw[std::size_t(l)], &db = grads.db[std::size_t(l)];
    s.wanted = layers[std::size_t(l)].train && (dw.data != nullptr || db.data != nullptr);
    if (!s.wanted) continue;
    const int out = int(padded(s.out)), in = int(padded(s.in));
    s.gradient = plan.set_size;
    if (dw.data != nullptr) sums.push_back({s.gradient, s.out, s.in, in, dw});
    if (db.data != nullptr) sums.push_back({s.gradient + out * in, 1, s.out, out, db});
    plan.set_size += out * (in + 1);
  }
  return sums;
}

// The number of partial sets fixes the order of the gradients' sums, so it depends only on the shape.
inline Index gradient_sets(const Plan& plan) { return std::min<Index>(plan.tiles, 256); }

__device__ __forceinline__ void sine_cosine(float x, float* s, float* c) { ::sincosf(x, s, c); }
__device__ __forceinline__ void sine_cosine(double x, double* s, double* c) { ::sincos(x, s, c); }

// Returns element j of dp = dz * act'(p), from dz and z of the layer.
template <class T>
__device__ __forceinline__ T activation_adjoint(const Slot& s, const T* z, const T* dz, int j) {
  if (s.activation == Activation::fourier) return z[j] * dz[s.out + j] - z[s.out + j] * dz[j];
  return s.activation == Activation::identity || z[j] > T(0) ? dz[j] : T(0);
}

template <class T>
__device__ void load_weights(const Plan& plan, T* shared) {
  for (int l = 0; l < plan.layers; ++l) {
    const Slot& s = plan.slots[l];
    const T* const w = static_cast<const T*>(s.w);
    const T* const b = static_cast<const T*>(s.b);
    const int row = s.w_row();
    for (int i = int(threadIdx.x); i < s.out_padded() * row; i += threads) {
      const int o = i / row, c = i - o * row;
      shared[s.weights + i] = o < s.out && c < s.in ? __ldg(w + o * s.in + c) : T(0);
    }
    for (int o = int(threadIdx.x); o < s.out_padded(); o += threads)
      shared[s.bias() + o] = o < s.out && b != nullptr ? __ldg(b + o) : T(0);
  }
}

// rows[position][c] = value(position, c) for c < channels of the tile's first `count` positions, else 0.
template <class T, class F>
__device__ void fill_tile(const Plan& plan, T* rows, int count, int channels, F value) {
  const int padded = (channels + 3) / 4 * 4;
  for (int i = int(threadIdx.x); i < plan.tile * padded; i += threads) {
    const int at = i / padded, c = i - at * padded;
    rows[at * plan.row + c] = at < count && c < channels ? value(at, c) : T(0);
  }
}

// out (count,channels) = the tile's rows
template <class T>
__device__ void write_tile(const Plan& plan, const T* rows, int count, int channels, T* out) {
  for (int i = int(threadIdx.x); i < count * channels; i += threads) {
    const int at = i / channels;
    out[i] = rows[at * plan.row + i - at * channels];
  }
}

#endif  // STILLPOINT_CUDA

}  // namespace stillpoint::kernels::head

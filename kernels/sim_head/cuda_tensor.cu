// The fused SIM head on tensor cores: float32 activations, products of operands rounded to tf32 or bf16.
#include "kernels/gemm/gemm.h"
#include "kernels/launch/tensor_tile.h"
#include "kernels/sim_head/sim_head_plan.h"

namespace stillpoint::kernels {
namespace {

using namespace tensor;
using head::activation_adjoint, head::most_layers, head::Plan, head::Slot;

// With 32 positions and 32 channels each warp has one tile.
constexpr int threads = 128;

// Shared memory holds biases (layers, narrow_width), rounded weights, a tile of float32 sums, and tiles of
// rounded operands. weights, weight_elements and row of the plan count rounded elements; sum_row counts
// floats.
struct TensorPlan : Plan {
  int sum_row;
};
template <class Kind>
struct Shared {
  using Element = typename Kind::Element;
  float* biases;
  Element* weights;
  Matrix<float> sums;
  Matrix<Element> operands;

  __device__ explicit Shared(const TensorPlan& plan)
      : biases(dynamic_shared<float>()),
        weights(reinterpret_cast<Element*>(biases + plan.layers * int(narrow_width))),
        sums{reinterpret_cast<float*>(weights + plan.weight_elements), plan.sum_row},
        operands{reinterpret_cast<Element*>(sums.data + plan.tile * plan.sum_row), plan.row} {}
  __device__ float* bias(int layer) const { return biases + layer * int(narrow_width); }
  // w (out,in), rounded; the rest of its tiles is zero
  __device__ Matrix<const Element> weights_of(const Slot& s) const {
    return {weights + s.weights, pitch<Element>(s.in)};
  }
};

template <class Element>
__device__ Matrix<const Element> read_only(Matrix<Element> m) {
  return {m.data, m.row};
}

// Calls f(r, c) for all entries, with all threads of the block.
template <class F>
__device__ void each_entry(int rows, int columns, F f) {
  for (int i = int(threadIdx.x); i < rows * columns; i += threads) {
    const int r = i / columns;
    f(r, i - r * columns);
  }
}

template <class Kind>
__device__ void load_layers(const TensorPlan& plan, const Shared<Kind>& shared) {
  for (int l = 0; l < plan.layers; ++l) {
    const Slot& s = plan.slots[l];
    const float *const w = static_cast<const float*>(s.w), *const b = static_cast<const float*>(s.b);
    typename Kind::Element* const to = shared.weights + s.weights;
    each_entry(padded(s.out), padded(s.in), [&](int o, int c) {
      to[o * pitch<typename Kind::Element>(s.in) + c] =
          Kind::rounded(o < s.out && c < s.in ? __ldg(w + o * s.in + c) : 0.0f);
    });
    for (int o = int(threadIdx.x); o < int(narrow_width); o += threads)
      shared.bias(l)[o] = o < s.out && b != nullptr ? __ldg(b + o) : 0.0f;
  }
}

// Loads the tile's operand from rows of `channels`, with zeros behind its `count` positions and in the
// padding.
template <class Kind>
__device__ void load_operand(const Plan& plan, Matrix<typename Kind::Element> to, const float* from,
                             int count, int channels) {
  each_entry(plan.tile, padded(channels), [=](int at, int c) {
    to.data[at * to.row + c] =
        Kind::rounded(at < count && c < channels ? __ldg(from + at * channels + c) : 0.0f);
  });
}

// Computes z of the layer from the sums W z: to memory (count,width) unless `memory` is null, and to the next
// operand if `next`.
template <class Kind>
__device__ void finish_layer(const TensorPlan& plan, int layer, const Shared<Kind>& shared, int count,
                             float* memory, bool next) {
  const Slot& s = plan.slots[layer];
  const float* const bias = shared.bias(layer);
  const auto put = [&](int at, int c, float z) {
    if (next) shared.operands.data[at * plan.row + c] = Kind::rounded(z);
    if (memory != nullptr && at < count && c < s.width) memory[at * s.width + c] = z;
  };
  if (s.activation != Activation::fourier)
    return each_entry(plan.tile, padded(s.out), [&](int at, int o) {
      const float p = shared.sums.data[at * plan.sum_row + o] + bias[o];
      put(at, o, s.activation == Activation::relu ? relu(p) : p);
    });
  each_entry(plan.tile, s.out, [&](int at, int o) {
    float sine, cosine;
    head::sine_cosine(shared.sums.data[at * plan.sum_row + o] + bias[o], &sine, &cosine);
    put(at, o, float(s.scale) * cosine);
    put(at, s.out + o, float(s.scale) * sine);
    if (o + 1 == s.out)
      for (int c = s.width; c < padded(s.width); ++c) put(at, c, 0.0f);
  });
}

struct ForwardArgs {
  TensorPlan plan;
  const float* x;
  float *y, *saved;
};

// On paper memory bounds it; at a few thousand positions the latency of loads and two barriers a layer does.
template <class Kind>
__global__ void __launch_bounds__(threads) sim_head_forward_mma(ForwardArgs args) {
  const TensorPlan& plan = args.plan;
  const Shared<Kind> shared(plan);
  load_layers(plan, shared);
  for (Index tile = blockIdx.x; tile < plan.tiles; tile += gridDim.x) {
    const Index first = tile * plan.tile;
    const int count = int(minimum<Index>(plan.tile, plan.positions - first)), in = plan.slots[0].in;
    __syncthreads();
    load_operand<Kind>(plan, shared.operands, args.x + first * in, count, in);
    __syncthreads();
    for (int l = 0; l < plan.layers; ++l) {
      const Slot& s = plan.slots[l];
      const bool last = l + 1 == plan.layers;
      multiply<Kind, RowMajor, ColMajor>(plan.tile, padded(s.out), padded(s.in), read_only(shared.operands),
                                         shared.weights_of(s), shared.sums);
      __syncthreads();
      float* const z = last ? args.y : args.saved != nullptr ? args.saved + s.saved : nullptr;
      finish_layer(plan, l, shared, count, z == nullptr ? nullptr : z + first * s.width, !last);
      if (!last) __syncthreads();
    }
  }
}

struct BackwardArgs {
  TensorPlan plan;
  const float *x, *y, *saved, *dy;
  float *dx, *partials;
};

// Turns the sums' tile into dp (its columns from `out` on stay as they are) and `rounded` into its operand,
// from dz: dy of the last layer, else the sums themselves. z and dy point to the tile's rows.
template <class Kind>
__device__ void start_layer(const TensorPlan& plan, const Slot& s, Matrix<float> sums,
                            Matrix<typename Kind::Element> rounded, int count, const float* z,
                            const float* dy) {
  each_entry(plan.tile, padded(s.out), [&](int at, int o) {
    float dp = 0;
    if (at < count && o < s.out)
      dp = activation_adjoint(s, z + at * s.width,
                              dy != nullptr ? dy + at * s.width : sums.data + at * sums.row, o);
    rounded.data[at * rounded.row + o] = Kind::rounded(dp);
    if (o < s.out) sums.data[at * sums.row + o] = dp;
  });
}

// Adds to dw (out,in) and db (out), padded, of the block's set: dp^T z, and the sum of unrounded dp over the
// tile.
template <class Kind, class Element = const typename Kind::Element>
__device__ void weight_gradient(const TensorPlan& plan, const Slot& s, Matrix<Element> dp, Matrix<Element> z,
                                Matrix<float> sums, float* set, bool first) {
  const int out = padded(s.out), in = padded(s.in);
  multiply<Kind, ColMajor, RowMajor>(out, in, plan.tile, dp, z, {set + s.gradient, in}, !first);
  float* const db = set + s.gradient + out * in;
  for (int o = int(threadIdx.x); o < out; o += threads) {
    const int count = o < s.out ? plan.tile : 0;
    float sum = 0;
    STILLPOINT_UNROLL(8)
    for (int at = 0; at < count; ++at) sum += sums.data[at * sums.row + o];
    db[o] = first ? sum : db[o] + sum;
  }
}

// Computes one tile of the backward pass; its weight gradients go to the set.
template <class Kind>
__device__ void backward_tile(const BackwardArgs& args, const Shared<Kind>& shared, Index tile, float* set,
                              bool first_tile) {
  const TensorPlan& plan = args.plan;
  const Index first = tile * plan.tile;
  const int count = int(minimum<Index>(plan.tile, plan.positions - first));
  const Matrix<typename Kind::Element> dp = shared.operands, in{dp.data + plan.tile * plan.row, plan.row};
  for (int l = plan.layers - 1; l >= 0; --l) {
    const Slot& s = plan.slots[l];
    const bool last = l + 1 == plan.layers;
    const float* const z = (last ? args.y : args.saved + s.saved) + first * s.width;
    start_layer<Kind>(plan, s, shared.sums, dp, count, z, last ? args.dy + first * s.width : nullptr);
    if (s.wanted)
      load_operand<Kind>(plan, in, (l == 0 ? args.x : args.saved + plan.slots[l - 1].saved) + first * s.in,
                         count, s.in);
    __syncthreads();
    if (s.wanted) {
      weight_gradient<Kind>(plan, s, read_only(dp), read_only(in), shared.sums, set, first_tile);
      if (l > 0 || args.dx != nullptr) __syncthreads();
    }
    if (l == 0 && args.dx == nullptr) return;
    multiply<Kind, RowMajor, RowMajor>(plan.tile, padded(s.in), padded(s.out), read_only(dp),
                                       shared.weights_of(s), shared.sums);
    __syncthreads();
  }
  const int width = plan.slots[0].in;
  each_entry(count, width, [&](int at, int c) {
    args.dx[(first + at) * width + c] = shared.sums.data[at * plan.sum_row + c];
  });
}

// The bound is as in forward, with three barriers a layer. Each block leaves one set of partial weight
// gradients.
template <class Kind>
__global__ void __launch_bounds__(threads) sim_head_backward_mma(BackwardArgs args) {
  const TensorPlan& plan = args.plan;
  const Shared<Kind> shared(plan);
  load_layers(plan, shared);
  float* const set = args.partials + Index(blockIdx.x) * plan.set_size;
  for (Index tile = blockIdx.x; tile < plan.tiles; tile += gridDim.x) {
    __syncthreads();
    backward_tile(args, shared, tile, set, tile == Index(blockIdx.x));
  }
}

struct Placed {
  TensorPlan plan;
  std::size_t shared_bytes;
};

// Returns the plan of a chain that fits shared memory with its sums and `operands` tiles, or nothing.
template <class Kind>
std::optional<Placed> place(Index positions, const std::vector<SimHeadLayer>& layers, int operands) {
  using Element = typename Kind::Element;
  const std::optional<Plan> narrow = head::narrow_plan(positions, layers);
  if (!narrow) return {};
  TensorPlan plan{*narrow, 0};
  int widest = 0;
  for (int l = 0; l < plan.layers; ++l) {
    Slot& s = plan.slots[l];
    s.weights = plan.weight_elements;
    plan.weight_elements += padded(s.out) * pitch<Element>(s.in);
    widest = std::max({widest, s.in, s.out});
  }
  plan.row = pitch<Element>(widest);
  plan.sum_row = pitch<float>(widest);
  const auto bytes = [&](int tile) {
    return sizeof(float) * std::size_t(plan.layers * int(narrow_width) + tile * plan.sum_row) +
           sizeof(Element) * std::size_t(plan.weight_elements + operands * tile * plan.row);
  };
  if (!head::choose_tile(plan, edge, bytes)) return {};
  return Placed{plan, bytes(plan.tile)};
}

template <class Kind>
bool forward(Index positions, const std::vector<SimHeadLayer>& layers, const Array& x, const Array& y,
             const Array& saved) {
  const auto placed = place<Kind>(positions, layers, 1);
  if (!placed) return false;
  launch("sim_head_forward_mma", sim_head_forward_mma<Kind>,
         {dim3(grid_for(placed->plan.tiles, 1)), dim3(threads), placed->shared_bytes},
         ForwardArgs{placed->plan, x.as<float>(), y.as<float>(), pointer_or_null<float>(saved)});
  return true;
}

template <class Kind>
bool backward(Index positions, const std::vector<SimHeadLayer>& layers, const Array& x, const Array& y,
              const Array& saved, const Array& dy, const SimHeadGrads& grads) {
  auto placed = place<Kind>(positions, layers, 2);
  if (!placed) return false;
  TensorPlan& plan = placed->plan;
  std::vector<GradientRows> rows = head::lay_out_sets(layers, grads, plan, padded);
  const Index sets = head::gradient_sets(plan);
  Buffer scratch(Device::cuda, std::size_t(sets * plan.set_size) * sizeof(float));
  float* const partials = static_cast<float*>(scratch.data());
  launch("sim_head_backward_mma", sim_head_backward_mma<Kind>,
         {dim3(unsigned(sets)), dim3(threads), placed->shared_bytes},
         BackwardArgs{plan, x.as<float>(), y.as<float>(), pointer_or_null<float>(saved), dy.as<float>(),
                      pointer_or_null<float>(grads.dx), partials});
  sum_gradients({std::move(scratch), sets, plan.set_size, y.dtype, std::move(rows)});
  return true;
}

}  // namespace

bool sim_head_forward_tensor(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                             const Array& y, const Array& saved) {
  return precision() == Precision::tf32 ? forward<Tf32>(positions, layers, x, y, saved)
                                        : forward<Bf16>(positions, layers, x, y, saved);
}

bool sim_head_backward_tensor(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                              const Array& y, const Array& saved, const Array& dy,
                              const SimHeadGrads& grads) {
  return precision() == Precision::tf32 ? backward<Tf32>(positions, layers, x, y, saved, dy, grads)
                                        : backward<Bf16>(positions, layers, x, y, saved, dy, grads);
}

}  // namespace stillpoint::kernels

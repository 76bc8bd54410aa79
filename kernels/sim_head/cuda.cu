// The fused SIM head on CUDA: a tile of positions goes through the chain without leaving the multiprocessor.
#include "kernels/sim_head/sim_head.h"

#include "kernels/device/cuda_memory.h"
#include "kernels/gemm/gemm.h"
#include "kernels/sim_head/sim_head_plan.h"

namespace stillpoint::kernels {
namespace {

using namespace head;

template <class T>
struct ForwardArgs {
  Plan plan;
  const T* x;
  T *y, *saved;
};

// Writes z[o..o+3] and, m further on, its sines; the last quad also clears the padding.
template <class T>
__device__ void store_fourier(const Slot& s, T* z, int o, const Quad<T>& p) {
  for (int q = 0; q < 4 && o + q < s.out; ++q) {
    T sine, cosine;
    sine_cosine(p.v[q], &sine, &cosine);
    z[o + q] = T(s.scale) * cosine;
    z[s.out + o + q] = T(s.scale) * sine;
  }
  if (o + 4 >= s.out)
    for (int c = s.width; c % 4 != 0; ++c) z[c] = T(0);
}

template <class T>
__device__ void apply_layer(const Plan& plan, const Slot& s, const T* weights, const T* in, T* out) {
  for (int i = int(threadIdx.x); i < s.out_padded() / 4 * plan.tile; i += threads) {
    const int o = 4 * (i / plan.tile), at = i % plan.tile;
    Quad<T> p = load_quad(weights + s.bias() + o);
    add_product(p, in + at * plan.row, weights + s.weights + o * s.w_row(), s.w_row(), s.in_padded());
    if (s.activation == Activation::fourier)
      store_fourier(s, out + at * plan.row, o, p);
    else
      store_quad(out + at * plan.row + o, s.activation == Activation::relu ? relu(p) : p);
  }
}

// Shared-memory loads bound it (5 quads per 16 multiply-adds). At a few thousand positions the latency of the
// weights' load and of one barrier per layer does.
template <class T>
__global__ void __launch_bounds__(threads, 2) sim_head_forward_fused(ForwardArgs<T> args) {
  const Plan& plan = args.plan;
  T* const weights = dynamic_shared<T>();
  load_weights(plan, weights);
  for (Index tile = blockIdx.x; tile < plan.tiles; tile += gridDim.x) {
    T* in = weights + plan.weight_elements;
    T* out = in + plan.tile * plan.row;
    const Index first = tile * plan.tile;
    const int count = int(minimum<Index>(plan.tile, plan.positions - first)), width = plan.slots[0].in;
    const T* const x = args.x + first * width;
    __syncthreads();
    fill_tile(plan, in, count, width, [=](int at, int c) { return __ldg(x + at * width + c); });
    __syncthreads();
    for (int l = 0; l < plan.layers; ++l) {
      const Slot& s = plan.slots[l];
      apply_layer(plan, s, weights, in, out);
      __syncthreads();
      if (l + 1 == plan.layers)
        write_tile(plan, out, count, s.width, args.y + first * s.width);
      else if (args.saved != nullptr)
        write_tile(plan, out, count, s.width, args.saved + s.saved + first * s.width);
      T* const free = in;
      in = out;
      out = free;
    }
  }
}

template <class T>
struct BackwardArgs {
  Plan plan;
  const T *x, *y, *saved, *dy;
  T *dx, *partials;
};

// dz of the layer before = W^T dp, through its ReLU if it has one (`gate` is its z, else null).
template <class T>
__device__ void input_adjoint(const Plan& plan, const Slot& s, const T* weights, const T* dp, const T* gate,
                              T* out) {
  for (int i = int(threadIdx.x); i < s.in_padded() / 4 * plan.tile; i += threads) {
    const int c = 4 * (i / plan.tile), at = i % plan.tile;
    Quad<T> acc{};
    add_adjoint(acc, dp + at * plan.row, weights + s.weights + c, s.w_row(), s.out_padded());
    if (gate != nullptr) acc = gated(acc, load_quad(gate + at * plan.row + c));
    store_quad(out + at * plan.row + c, acc);
  }
}

// Returns row s of the sum over four neighbouring lanes of a 4 x 4 block.
template <class T>
__device__ Quad<T> sum_scattered(const T (&acc)[4][4], int s) {
  T half[2][4];
  STILLPOINT_UNROLL(2)
  for (int r = 0; r < 2; ++r) {
    STILLPOINT_UNROLL(4)
    for (int k = 0; k < 4; ++k) {
      const T other = __shfl_xor_sync(0xffffffffu, s < 2 ? acc[2 + r][k] : acc[r][k], 2);
      half[r][k] = (s < 2 ? acc[r][k] : acc[2 + r][k]) + other;
    }
  }
  Quad<T> row;
  STILLPOINT_UNROLL(4)
  for (int k = 0; k < 4; ++k) {
    const T other = __shfl_xor_sync(0xffffffffu, s % 2 == 0 ? half[1][k] : half[0][k], 1);
    row.v[k] = (s % 2 == 0 ? half[0][k] : half[1][k]) + other;
  }
  return row;
}

// dw += dp^T z and db += sum dp over the tile. Four lanes share a block of 4 outputs by 4 inputs; the blocks
// after the last input have z = (1,0,0,0) and give the bias gradient.
template <class T>
__device__ void weight_gradient(const Plan& plan, const Slot& s, const T* dp, const T* z, T* set,
                                bool first) {
  const int out_quads = s.out_padded() / 4, items = out_quads * (s.in_padded() / 4 + 1);
  const int slice = int(threadIdx.x) % 4;
  for (int i = int(threadIdx.x); i < round_up(4 * items, 32); i += threads) {
    const int item = minimum(i / 4, items - 1), o = 4 * (item % out_quads), c = 4 * (item / out_quads);
    const bool bias = c == s.in_padded();
    const Quad<T> one{{T(1), T(0), T(0), T(0)}};
    T acc[4][4] = {};
    for (int at = slice; at < plan.tile; at += 4)
      add_outer(acc, load_quad(dp + at * plan.row + o), bias ? one : load_quad(z + at * plan.row + c));
    const Quad<T> sums = sum_scattered(acc, slice);
    if (i / 4 >= items || o + slice >= s.out) continue;
    T* const p = set + s.gradient + (bias ? s.out * s.in + o + slice : (o + slice) * s.in + c);
    const int columns = bias ? 1 : s.in - c;
    STILLPOINT_UNROLL(4)
    for (int k = 0; k < 4; ++k)
      if (k < columns) p[k] = first ? sums.v[k] : p[k] + sums.v[k];
  }
}

// Computes one tile of the backward pass; `buffers` holds dp, dz of the layer before, and its z.
template <class T>
__device__ void backward_tile(const BackwardArgs<T>& args, const T* weights, T* buffers, Index tile, T* set,
                              bool first_tile) {
  const Plan& plan = args.plan;
  T* dp = buffers;
  T* dz = dp + plan.tile * plan.row;
  T* const z = dz + plan.tile * plan.row;
  const Index first = tile * plan.tile;
  const int count = int(minimum<Index>(plan.tile, plan.positions - first));
  const Slot& last = plan.slots[plan.layers - 1];
  const T* const y = args.y + first * last.width;
  const T* const dy = args.dy + first * last.width;
  fill_tile(plan, dp, count, last.out, [&](int at, int j) {
    return activation_adjoint(last, y + at * last.width, dy + at * last.width, j);
  });
  for (int l = plan.layers - 1; l >= 0; --l) {
    const Slot& s = plan.slots[l];
    const T* const in = (l == 0 ? args.x : args.saved + plan.slots[l - 1].saved) + first * s.in;
    fill_tile(plan, z, count, s.in, [&](int at, int c) { return __ldg(in + at * s.in + c); });
    __syncthreads();
    if (s.wanted) weight_gradient(plan, s, dp, z, set, first_tile);
    if (l == 0 && args.dx == nullptr) return;
    const bool relu_before = l > 0 && plan.slots[l - 1].activation == Activation::relu;
    input_adjoint<T>(plan, s, weights, dp, relu_before ? z : nullptr, dz);
    __syncthreads();
    if (l == 0) return write_tile(plan, dz, count, s.in, args.dx + first * s.in);
    const Slot& before = plan.slots[l - 1];
    if (before.activation == Activation::fourier) {
      fill_tile(plan, dp, count, before.out, [&](int at, int j) {
        return activation_adjoint<T>(before, z + at * plan.row, dz + at * plan.row, j);
      });
      __syncthreads();
    } else {
      T* const free = dp;
      dp = dz;
      dz = free;
    }
  }
}

// Shared-memory loads bound it, as in forward; each block leaves one set of partial weight gradients.
template <class T>
__global__ void __launch_bounds__(threads, 2) sim_head_backward_fused(BackwardArgs<T> args) {
  const Plan& plan = args.plan;
  T* const weights = dynamic_shared<T>();
  load_weights(plan, weights);
  T* const set = args.partials + Index(blockIdx.x) * plan.set_size;
  for (Index tile = blockIdx.x; tile < plan.tiles; tile += gridDim.x) {
    __syncthreads();
    backward_tile(args, weights, weights + plan.weight_elements, tile, set, tile == Index(blockIdx.x));
  }
}

template <class T>
bool forward_fused(Index positions, const std::vector<SimHeadLayer>& layers, const Array& x, const Array& y,
                   const Array& saved) {
  const auto plan = make_plan(positions, layers, 2, sizeof(T));
  if (!plan) return false;
  const LaunchShape shape{dim3(grid_for(plan->tiles, 1)), dim3(threads),
                          std::size_t(plan->weight_elements + 2 * plan->tile * plan->row) * sizeof(T)};
  launch("sim_head_forward_fused", sim_head_forward_fused<T>, shape,
         ForwardArgs<T>{*plan, x.as<T>(), y.as<T>(), pointer_or_null<T>(saved)});
  return true;
}

template <class T>
bool backward_fused(Index positions, const std::vector<SimHeadLayer>& layers, const Array& x, const Array& y,
                    const Array& saved, const Array& dy, const SimHeadGrads& grads) {
  auto plan = make_plan(positions, layers, 3, sizeof(T));
  if (!plan) return false;
  std::vector<GradientRows> rows = lay_out_sets(layers, grads, *plan, [](int n) { return n; });
  const Index sets = gradient_sets(*plan);
  Buffer scratch(Device::cuda, std::size_t(sets * plan->set_size) * sizeof(T));
  T* const partials = static_cast<T*>(scratch.data());
  const LaunchShape shape{dim3(unsigned(sets)), dim3(threads),
                          std::size_t(plan->weight_elements + 3 * plan->tile * plan->row) * sizeof(T)};
  launch("sim_head_backward_fused", sim_head_backward_fused<T>, shape,
         BackwardArgs<T>{*plan, x.as<T>(), y.as<T>(), pointer_or_null<T>(saved), dy.as<T>(),
                         pointer_or_null<T>(grads.dx), partials});
  sum_gradients({std::move(scratch), sets, plan->set_size, y.dtype, std::move(rows)});
  return true;
}

// Returns whether precision() asks for products other than float32's own.
bool rounds_products(DType dtype) { return dtype == DType::float32 && precision() != Precision::float32; }

}  // namespace

std::int64_t sim_head_saved_size_cuda(std::int64_t positions, const std::vector<SimHeadLayer>& layers) {
  Index size = 0;
  for (std::size_t l = 0; l + 1 < layers.size(); ++l) size += positions * width_of(layers[l]);
  return size;
}

void sim_head_forward_cuda(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                           const Array& y, const Array& saved) {
  if (positions == 0) return;
  if (rounds_products(y.dtype)) {
    if (!sim_head_forward_tensor(positions, layers, x, y, saved))
      sim_head_forward_wide(positions, layers, x, y, saved);
    return;
  }
  dispatch_real(y.dtype, "sim_head_forward", [&](auto zero) {
    if (!forward_fused<decltype(zero)>(positions, layers, x, y, saved))
      sim_head_forward_wide(positions, layers, x, y, saved);
  });
}

void sim_head_backward_cuda(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                            const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads) {
  if (positions == 0) {
    for (const auto* list : {&grads.dw, &grads.db})
      for (const Array& g : *list)
        if (g.data != nullptr) zero_cuda(g.data, std::size_t(g.size * size_of(g.dtype)));
    return;
  }
  if (rounds_products(y.dtype)) {
    if (!sim_head_backward_tensor(positions, layers, x, y, saved, dy, grads))
      sim_head_backward_wide(positions, layers, x, y, saved, dy, grads);
    return;
  }
  dispatch_real(y.dtype, "sim_head_backward", [&](auto zero) {
    if (!backward_fused<decltype(zero)>(positions, layers, x, y, saved, dy, grads))
      sim_head_backward_wide(positions, layers, x, y, saved, dy, grads);
  });
}

}  // namespace stillpoint::kernels

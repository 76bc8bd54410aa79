// The TCN block's weight gradients on CUDA: an ordered sum of partial sets and the weight norm's adjoint.
#include "kernels/launch/launch.h"
#include "kernels/launch/quad.h"
#include "kernels/tcn_block/tcn_block_cuda.h"

namespace stillpoint::kernels {
namespace {

constexpr int threads = 512;

template <class T>
struct RowGroup {
  Index start, row;  // offset in a set; elements per output channel, the bias last
  const T *v, *gain;
  T *dv, *dg, *db;  // dg is null for the down-sampling map, which has no weight norm
};
template <class T>
struct ReduceArgs {
  RowGroup<T> groups[3];
  const T* partials;
  Index channels, sets, set_size;
};

// Returns to every thread the sum of `value` over the block in a fixed order. `shared` holds threads/32
// elements.
template <class T>
__device__ T block_sum(T value, T* shared) {
  for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  __syncthreads();
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = value;
  __syncthreads();
  T total = T(0);
  for (int warp = 0; warp < threads / 32; ++warp) total += shared[warp];
  return total;
}

// Divides the threads into slices of the sets by elements of a row.
struct Slices {
  int width, count, slice, column;
  __device__ explicit Slices(Index row)
      : width(int(minimum<Index>((row + 31) / 32 * 32, threads))),
        count(threads / width),
        slice(int(threadIdx.x) / width),
        column(int(threadIdx.x) % width) {}
};

// Returns the sum of element `p` over all sets, in order, to threads of slice 0; all threads of the block
// call it.
template <class T>
__device__ T sum_of_sets(const ReduceArgs<T>& args, const Slices& s, const T* p, bool inside, T* shared) {
  const Index begin = args.sets * s.slice / s.count, end = args.sets * (s.slice + 1) / s.count;
  T sum = T(0);
  if (inside && s.slice < s.count) {
    STILLPOINT_UNROLL(8)
    for (Index set = begin; set < end; ++set) sum += p[set * args.set_size];
  }
  shared[threadIdx.x] = sum;  // a row that takes a second pass has one slice, whose sums nobody else reads
  __syncthreads();
  for (int slice = 1; s.slice == 0 && slice < s.count; ++slice) sum += shared[slice * s.width + s.column];
  return sum;
}

// One block per output channel of a group. The latency of reading sets x row elements from L2 bounds it, so
// the sets are split into slices that threads read side by side.
template <class T>
__global__ void __launch_bounds__(threads) tcn_block_reduce(ReduceArgs<T> args) {
  T* const shared = dynamic_shared<T>();
  const RowGroup<T>& group = args.groups[blockIdx.x / args.channels];
  const Index o = blockIdx.x % args.channels, weights = group.row - 1;
  const Slices slices(group.row);
  T dot = T(0), squares = T(0);
  for (Index first = 0; first < group.row; first += slices.width) {
    const Index e = first + slices.column;
    const T* const p = args.partials + group.start + o * group.row + e;
    const T sum = sum_of_sets(args, slices, p, e < group.row, shared);
    if (slices.slice > 0 || e >= group.row) continue;
    if (e == weights) {
      group.db[o] = sum;
      continue;
    }
    const T v = group.dg == nullptr ? T(0) : group.v[o * weights + e];
    group.dv[o * weights + e] = sum;
    dot += sum * v;
    squares += v * v;
  }
  if (group.dg == nullptr) return;
  dot = block_sum(dot, shared);
  squares = block_sum(squares, shared);
  const T inverse = T(1) / square_root(squares), scale = group.gain[o] * inverse;
  if (threadIdx.x == 0) group.dg[o] = dot * inverse;
  if (slices.slice > 0) return;
  for (Index e = slices.column; e < weights; e += slices.width) {
    T* const p = group.dv + o * weights + e;
    *p = scale * (*p - group.v[o * weights + e] * (dot / squares));
  }
}

}  // namespace

TcnPartialShape tcn_block_partial_shape(const TcnBlockShape& s, bool down) {
  const Index row1 = s.in_channels * s.taps + 1, row2 = s.channels * s.taps + 1;
  const Index row_down = down ? s.in_channels + 1 : 0;
  return {row1, row2, row_down, s.channels * (row1 + row2 + row_down)};
}

void tcn_block_reduce_partials(const TcnBlockShape& shape, const TcnBlockWeights& weights, std::int64_t sets,
                               const Array& partials, const TcnBlockWeights& grads) {
  if (shape.channels == 0) return;
  const bool down = weights.down_w.data != nullptr;
  const TcnPartialShape p = tcn_block_partial_shape(shape, down);
  dispatch_real(partials.dtype, "tcn_block_backward", [&](auto zero) {
    using T = decltype(zero);
    ReduceArgs<T> args{};
    args.groups[0] = {0,
                      p.row1,
                      weights.v1.as<T>(),
                      weights.g1.as<T>(),
                      grads.v1.as<T>(),
                      grads.g1.as<T>(),
                      grads.b1.as<T>()};
    args.groups[1] = {shape.channels * p.row1, p.row2,           weights.v2.as<T>(), weights.g2.as<T>(),
                      grads.v2.as<T>(),        grads.g2.as<T>(), grads.b2.as<T>()};
    if (down)
      args.groups[2] = {shape.channels * (p.row1 + p.row2),
                        p.row_down,
                        nullptr,
                        nullptr,
                        grads.down_w.as<T>(),
                        nullptr,
                        grads.down_b.as<T>()};
    args.partials = partials.as<T>();
    args.channels = shape.channels;
    args.sets = sets;
    args.set_size = p.set_size;
    const LaunchShape launch_shape{dim3(unsigned((down ? 3 : 2) * shape.channels)), dim3(threads),
                                   threads * sizeof(T)};
    launch("tcn_block_reduce", tcn_block_reduce<T>, launch_shape, args);
  });
}

}  // namespace stillpoint::kernels

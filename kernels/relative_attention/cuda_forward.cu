// Relative attention on CUDA, forward: a tile of queries per block, with a running softmax over the keys.
#include "kernels/relative_attention/relative_attention_dispatch.h"
#include "kernels/relative_attention/relative_attention_tile.h"

namespace stillpoint::kernels {
namespace {

template <class T, int E>
inline constexpr std::size_t forward_bytes =
    (attention_tile * (key_stride<E> + value_stride<E>)+attention_window * key_stride<E> + 2 * E) * sizeof(T);

// A thread's part of its query: y = sums / total in base 2 relative to `top`.
template <class T, int E>
struct RunningSoftmax {
  T top, total, sums[E];

  __device__ RunningSoftmax() : top(-std::numeric_limits<T>::infinity()), total(T(0)) {
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c) sums[c] = T(0);
  }
  __device__ void scale(T factor) {
    total *= factor;
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c) sums[c] *= factor;
  }
  __device__ void add(T s, const T* value) {
    if (s > top) {
      scale(power_of_two(top - s));
      top = s;
    }
    const T a = power_of_two(s - top);
    total += a;
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c) sums[c] += a * value[c];
  }
  // Merges with the threads that share the query.
  __device__ void merge() {
    T best = top;
    for (int step = 1; step < attention_splits; step *= 2)
      best = maximum<T>(best, __shfl_xor_sync(0xffffffffu, best, step));
    scale(power_of_two(top - best));
    top = best;
    total = attention_sum(total, 1, attention_splits);
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c) sums[c] = attention_sum(sums[c], 1, attention_splits);
  }
};

template <class T, int E>
__global__ void __launch_bounds__(attention_threads, 2)
    relative_attention_query_tile(const __grid_constant__ AttentionArgs<T> args) {
  T* const keys = dynamic_shared<T>();
  T* const values = keys + attention_tile * key_stride<E>;
  T* const distances = values + attention_tile * value_stride<E>;
  T* const biases = distances + attention_window * key_stride<E>;
  const Index unit = blockIdx.x / args.tiles, n = unit / args.heads, head_index = unit % args.heads;
  const Index first =
      (args.tiles - 1 - blockIdx.x % args.tiles) * attention_tile;  // the longest rows start first
  const AttentionHead<T> head(args, n, head_index);
  const int own = int(threadIdx.x) / attention_splits, lane = int(threadIdx.x) % attention_splits;
  const Index i = first + own;
  T q[E];
  head.load(head.q, i, q);
  const T factor = args.scale * T(log2_e);
  head.template stage_biases<E>(biases);
  RunningSoftmax<T, E> softmax;
  for (Index from = 0; from <= first; from += attention_tile) {
    __syncthreads();
    head.template stage_keys<E>(from, first - from - (attention_tile - 1), biases, keys, values, distances);
    __syncthreads();
    if (i >= args.length) continue;
    for (int m = lane; m < attention_tile && from + m <= i; m += attention_splits) {
      const T s = attention_score<E, T>(q, keys + m * key_stride<E>,
                                        distances + (own - m + attention_tile - 1) * key_stride<E>);
      softmax.add(factor * s, values + m * value_stride<E>);
    }
  }
  softmax.merge();
  if (i >= args.length || lane > 0) return;
  T* const y = args.y + (n * args.length + i) * args.heads * args.features + head_index * args.features;
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c)
    if (c < args.features) y[c] = softmax.sums[c] / softmax.total;
  args.log_sum[unit * args.length + i] = softmax.top * T(0.6931471805599453) + logarithm(softmax.total);
}

}  // namespace

void relative_attention_forward_cuda(const RelativeAttentionShape& s, const RelativeAttentionInputs& inputs,
                                     const Array& y, const Array& log_sum) {
  dispatch_head("relative_attention_forward", s, y.dtype, [&](auto zero, auto width) {
    using T = decltype(zero);
    constexpr int E = decltype(width)::value;
    const AttentionArgs<T> args(s, inputs, y, log_sum);
    launch("relative_attention_query_tile", relative_attention_query_tile<T, E>,
           {dim3(unsigned(s.batch * s.heads * args.tiles)), dim3(attention_threads), forward_bytes<T, E>},
           args);
  });
}

}  // namespace stillpoint::kernels

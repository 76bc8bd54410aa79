// Relative attention on CUDA, backward: one pass each for the gradients of queries, of keys and values, and
// of distances, all of which compute the weights again from log_sum. Sums have a fixed order.
#include "kernels/relative_attention/relative_attention_dispatch.h"
#include "kernels/relative_attention/relative_attention_tile.h"

namespace stillpoint::kernels {
namespace {

template <class T, int E>
inline constexpr std::size_t query_bytes =
    (attention_tile * (key_stride<E> + value_stride<E>)+attention_window * key_stride<E> + 2 * E) * sizeof(T);
template <class T, int E>
inline constexpr std::size_t key_bytes = (attention_tile * query_stride<E> +
                                          attention_window * key_stride<E> + 2 * E) *
                                         sizeof(T);
template <class T, int E>
inline constexpr std::size_t distance_bytes = (attention_tile * query_stride<E> +
                                               attention_window * (key_stride<E> + value_stride<E>)+2 * E) *
                                              sizeof(T);

// a_ij of a staged query, and dS_ij = a_ij (dy_i . v_j - dy_i . y_i) / sqrt(features).
template <class T>
struct ScoreGradient {
  T a, ds;

  template <int E, class Key, class Distance, class Value>
  __device__ static ScoreGradient of(const T* query, const Key& key, const Distance& distance,
                                     const Value& value, T scale) {
    const T s = attention_score<E, T>(query, key, distance);
    const T a = power_of_two(s * scale * T(log2_e) - query[2 * E]);
    return {a, a * (attention_dot<E, T>(query + E, value) - query[2 * E + 1]) * scale};
  }
};

// dq_i = sum_j dS_ij (k_j + r_{i-j})
template <class T, int E>
__device__ void attention_dq(const AttentionArgs<T>& args, Index block) {
  T* const keys = dynamic_shared<T>();
  T* const values = keys + attention_tile * key_stride<E>;
  T* const distances = values + attention_tile * value_stride<E>;
  T* const biases = distances + attention_window * key_stride<E>;
  const Index unit = block / args.tiles;
  const Index first = (args.tiles - 1 - block % args.tiles) * attention_tile;  // the longest rows start first
  const AttentionHead<T> head(args, unit / args.heads, unit % args.heads);
  const int own = int(threadIdx.x) / attention_splits, lane = int(threadIdx.x) % attention_splits;
  const Index i = first + own;
  T q[E], g[E], dq[E], along = T(0);
  head.load(head.y, i, q);
  head.load(head.dy, i, g);
  along = attention_dot<E, T>(g, q);
  head.load(head.q, i, q);
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) dq[c] = T(0);
  const T norm = i < args.length ? head.log_sum[i] * T(log2_e) : T(0);
  const T factor = args.scale * T(log2_e);
  head.template stage_biases<E>(biases);
  for (Index from = 0; from <= first; from += attention_tile) {
    __syncthreads();
    head.template stage_keys<E>(from, first - from - (attention_tile - 1), biases, keys, values, distances);
    __syncthreads();
    if (i >= args.length) continue;
    for (int m = lane; m < attention_tile && from + m <= i; m += attention_splits) {
      const T *const k = keys + m * key_stride<E>, *const r = distances +
                                                              (own - m + attention_tile - 1) * key_stride<E>;
      const T a = power_of_two(factor * attention_score<E, T>(q, k, r) - norm);
      const T ds = a * (attention_dot<E, T>(g, values + m * value_stride<E>) - along) * args.scale;
      STILLPOINT_UNROLL(16)
      for (int c = 0; c < E; ++c) dq[c] += ds * (k[c] + r[c]);
    }
  }
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) {
    const T sum = attention_sum(dq[c], 1, attention_splits);
    if (i < args.length && lane == 0 && c < args.features) head.dq.data[i * head.dq.stride + c] = sum;
  }
}

// Writes row `set` of a bias's sums: the sum over the warp's rows of factor[row] key[row].
template <int E, class T>
__device__ void write_bias_sums(T factor, const T (&key)[E], Index set, T* sums) {
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) {
    const T sum = attention_sum(factor * key[c], attention_splits, 32);
    if (threadIdx.x % 32 == 0) sums[set * E + c] = sum;
  }
}

// dk_j = sum_i dS_ij (q_i + b_w), dv_j = sum_i a_ij dy_i
template <class T, int E>
__device__ void attention_dkv(const AttentionArgs<T>& args, Index block) {
  T* const queries = dynamic_shared<T>();
  T* const distances = queries + attention_tile * query_stride<E>;
  T* const biases = distances + attention_window * key_stride<E>;
  const Index unit = block / args.tiles, first = block % args.tiles * attention_tile;
  const AttentionHead<T> head(args, unit / args.heads, unit % args.heads);
  const int own = int(threadIdx.x) / attention_splits, lane = int(threadIdx.x) % attention_splits;
  const Index j = first + own;
  T own_key[E], key[E + 1], value[E], dk[E], dv[E], total = T(0);
  head.template stage_biases<E>(biases);
  head.load(head.k, j, own_key);
  head.load(head.v, j, value);
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) {
    key[c] = own_key[c];
    dk[c] = dv[c] = T(0);
  }
  key[E] = head.dot_bias(head.b_w, own_key);
  for (Index from = first; from < args.length; from += attention_tile) {
    __syncthreads();
    head.template stage_queries<E>(from, queries);
    head.template stage_key<E>(head.r, biases + E, from - first - (attention_tile - 1),
                               int(threadIdx.x) - 2 * attention_tile, attention_window, distances);
    __syncthreads();
    for (int m = lane; m < attention_tile && from + m < args.length; m += attention_splits) {
      if (from + m < j) continue;
      const T* const query = queries + m * query_stride<E>;
      const auto of = ScoreGradient<T>::template of<E>(
          query, key, distances + (m - own + attention_tile - 1) * key_stride<E>, value, args.scale);
      total += of.ds;
      STILLPOINT_UNROLL(16)
      for (int c = 0; c < E; ++c) {
        dk[c] += of.ds * query[c];
        dv[c] += of.a * query[E + c];
      }
    }
  }
  total = attention_sum(total, 1, attention_splits);
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) {
    const T of_k = attention_sum(dk[c], 1, attention_splits),
            of_v = attention_sum(dv[c], 1, attention_splits);
    if (j >= args.length || lane > 0 || c >= args.features) continue;
    head.dk.data[j * head.dk.stride + c] = of_k + total * head.b_w[c];
    head.dv.data[j * head.dv.stride + c] = of_v;
  }
  if (args.b_w_sums != nullptr)
    write_bias_sums(total, own_key, block * attention_warps + threadIdx.x / 32, args.b_w_sums);
}

// Both at once: every other block computes dq, the others dk and dv.
template <class T, int E>
__global__ void __launch_bounds__(attention_threads, 2)
    relative_attention_dqkv(const __grid_constant__ AttentionArgs<T> args) {
  const Index block = blockIdx.x / 2;
  blockIdx.x % 2 == 0 ? attention_dq<T, E>(args, block) : attention_dkv<T, E>(args, block);
}

// dr_p = sum_{n,i} dS_{i,i-p} (q_i + b_r)
template <class T, int E>
__global__ void __launch_bounds__(attention_threads, 2)
    relative_attention_dr(const __grid_constant__ AttentionArgs<T> args) {
  T* const queries = dynamic_shared<T>();
  T* const keys = queries + attention_tile * query_stride<E>;
  T* const values = keys + attention_window * key_stride<E>;
  T* const biases = values + attention_window * value_stride<E>;
  const Index head_index = blockIdx.x / args.tiles, first = blockIdx.x % args.tiles * attention_tile;
  const int own = int(threadIdx.x) / attention_splits, lane = int(threadIdx.x) % attention_splits;
  const Index p = first + own;
  const AttentionHead<T> any(args, 0, head_index);
  T own_distance[E], distance[E + 1], dr[E], total = T(0);
  any.template stage_biases<E>(biases);
  any.load(any.r, p, own_distance);
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) {
    distance[c] = own_distance[c];
    dr[c] = T(0);
  }
  distance[E] = any.dot_bias(any.b_r, own_distance);
  for (Index n = 0; n < args.batch; ++n) {
    const AttentionHead<T> head(args, n, head_index);
    for (Index from = first; from < args.length; from += attention_tile) {
      __syncthreads();
      head.template stage_queries<E>(from, queries);
      const Index lowest = from - first - (attention_tile - 1);  // key of the window's row 0
      const int at = int(threadIdx.x) - 2 * attention_tile;
      head.template stage_key<E>(head.k, biases, lowest, at, attention_window, keys);
      head.template stage_value<E>(lowest, at, attention_window, values);
      __syncthreads();
      for (int m = lane; m < attention_tile && from + m < args.length; m += attention_splits) {
        if (from + m < p) continue;
        const T* const query = queries + m * query_stride<E>;
        const int row = m - own + attention_tile - 1;
        const auto of = ScoreGradient<T>::template of<E>(query, keys + row * key_stride<E>, distance,
                                                         values + row * value_stride<E>, args.scale);
        total += of.ds;
        STILLPOINT_UNROLL(16)
        for (int c = 0; c < E; ++c) dr[c] += of.ds * query[c];
      }
    }
  }
  total = attention_sum(total, 1, attention_splits);
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) {
    const T sum = attention_sum(dr[c], 1, attention_splits);
    if (p < args.length && lane == 0 && c < args.features)
      args.dr[p * args.heads * args.features + head_index * args.features + c] = sum + total * any.b_r[c];
  }
  write_bias_sums(total, own_distance, blockIdx.x * attention_warps + threadIdx.x / 32, args.b_r_sums);
}

// to[head,c] = sum over n < batch and s < sets of sums[(n heads + head) sets + s][c]; sums has rows (E).
template <class T>
struct BiasTotal {
  const T* sums;
  T* to;
  Index batch, heads, features, sets, width;
  template <class Team>
  STILLPOINT_HD void operator()(Index row, Team team) const {
    const Index head = row / features, c = row % features;
    const T total = team.template sum<T>(batch * sets, [=, *this](Index e) {
      return sums[((e / sets * heads + head) * sets + e % sets) * width + c];
    });
    if (team.leader()) to[row] = total;
  }
};

template <class T, int E>
void backward(const RelativeAttentionShape& s, AttentionArgs<T> args, const RelativeAttentionInputs& grads) {
  const Index sets = args.tiles * attention_warps;  // of one head of one sample
  const bool parameters = grads.r.data != nullptr;
  Buffer w_sums, r_sums;
  if (parameters) {
    w_sums = Buffer(Device::cuda, std::size_t(s.batch * s.heads * sets * E) * sizeof(T));
    r_sums = Buffer(Device::cuda, std::size_t(s.heads * sets * E) * sizeof(T));
    args.b_w_sums = static_cast<T*>(w_sums.data());
    args.b_r_sums = static_cast<T*>(r_sums.data());
    args.dr = grads.r.as<T>();
  }
  const dim3 threads(attention_threads);
  launch("relative_attention_dqkv", relative_attention_dqkv<T, E>,
         {dim3(unsigned(2 * s.batch * s.heads * args.tiles)), threads,
          std::max(query_bytes<T, E>, key_bytes<T, E>)},
         args);
  if (!parameters) return;
  launch("relative_attention_dr", relative_attention_dr<T, E>,
         {dim3(unsigned(s.heads * args.tiles)), threads, distance_bytes<T, E>}, args);
  const Index biases = s.heads * s.features;
  each_row(Device::cuda, biases, s.batch * sets,
           BiasTotal<T>{args.b_w_sums, grads.b_w.as<T>(), s.batch, s.heads, s.features, sets, E});
  each_row(Device::cuda, biases, sets,
           BiasTotal<T>{args.b_r_sums, grads.b_r.as<T>(), 1, s.heads, s.features, sets, E});
}

}  // namespace

void relative_attention_backward_cuda(const RelativeAttentionShape& s, const RelativeAttentionInputs& inputs,
                                      const Array& y, const Array& log_sum, const Array& dy,
                                      const RelativeAttentionInputs& grads) {
  dispatch_head("relative_attention_backward", s, dy.dtype, [&](auto zero, auto width) {
    using T = decltype(zero);
    AttentionArgs<T> args(s, inputs, y, log_sum);
    args.dy = dy.as<T>();
    args.dqkv = grads.qkv.as<T>();
    backward<T, decltype(width)::value>(s, args, grads);
  });
}

}  // namespace stillpoint::kernels

// Relative attention's tiles on CUDA: the data that a block keeps in shared memory, and the scores from it.
#pragma once
#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/launch/launch.h"
#include "kernels/relative_attention/relative_attention_cuda.h"

namespace stillpoint::kernels {

inline constexpr double log2_e = std::numbers::log2e;

// A block owns `tile` queries, keys or distances of one head. `splits` threads share each one's sum over the
// other side. That side comes in tiles, too, so that their differences lie in a window of 2 tile - 1 rows.
inline constexpr int attention_tile = 32, attention_splits = 4, attention_window = 2 * attention_tile - 1;
// Kernels ask for two blocks a multiprocessor, because otherwise the compiler spills to reach more.
inline constexpr int attention_threads = attention_tile * attention_splits,
                     attention_warps = attention_threads / 32;
static_assert(attention_tile == 32 && attention_threads >= 2 * attention_tile + attention_window,
              "each thread stages one row");

// The elements from row to row in shared memory are odd, so that rows lie in different banks.
template <int E>
inline constexpr int value_stride = E | 1;
template <int E>
inline constexpr int key_stride = (E + 1) | 1;  // a key (E), then bias . key
template <int E>
inline constexpr int query_stride = (2 * E + 2) | 1;  // q (E), dy (E), log_sum log2(e), dy . y

template <class T>
struct AttentionArgs {
  const T *qkv, *r, *b_w, *b_r;
  T *y, *log_sum;
  const T* dy;
  T *dqkv, *dr, *b_w_sums, *b_r_sums;  // sums (sets, E) of b_w's and b_r's gradient; null: not wanted
  Index batch, length, heads, features, tiles;
  T scale;  // 1 / sqrt(features)

  AttentionArgs(const RelativeAttentionShape& s, const RelativeAttentionInputs& in, const Array& value,
                const Array& norm)
      : qkv(in.qkv.as<T>()),
        r(in.r.as<T>()),
        b_w(in.b_w.as<T>()),
        b_r(in.b_r.as<T>()),
        y(value.as<T>()),
        log_sum(norm.as<T>()),
        dy(nullptr),
        dqkv(nullptr),
        dr(nullptr),
        b_w_sums(nullptr),
        b_r_sums(nullptr),
        batch(s.batch),
        length(s.length),
        heads(s.heads),
        features(s.features),
        tiles((s.length + attention_tile - 1) / attention_tile),
        scale(T(1 / std::sqrt(double(s.features)))) {}
};

// Rows of one head of one sample: element (row, c) is at data[row * stride + c].
template <class T>
struct HeadRows {
  T* data;
  Index stride;
};

// One head of one sample.
template <class T>
struct AttentionHead {
  HeadRows<const T> q, k, v, r, y, dy;
  HeadRows<T> dq, dk, dv;
  const T *b_w, *b_r, *log_sum;
  Index length;
  int features;

  __device__ AttentionHead(const AttentionArgs<T>& a, Index n, Index head)
      : b_w(a.b_w + head * a.features),
        b_r(a.b_r + head * a.features),
        log_sum(a.log_sum + (n * a.heads + head) * a.length),
        length(a.length),
        features(int(a.features)) {
    const Index width = a.heads * a.features, own = head * a.features, three = 3 * width;
    const Index in = n * a.length * three + own, out = n * a.length * width + own;
    q = {a.qkv + in, three};
    k = {a.qkv + in + width, three};
    v = {a.qkv + in + 2 * width, three};
    r = {a.r + own, width};
    y = {a.y + out, width};
    if (a.dy == nullptr) return;
    dy = {a.dy + out, width};
    dq = {a.dqkv + in, three};
    dk = {a.dqkv + in + width, three};
    dv = {a.dqkv + in + 2 * width, three};
  }
  __device__ bool inside(Index row) const { return row >= 0 && row < length; }
  // Loads row `row`, with zeros outside the length and past the features.
  template <int E>
  __device__ void load(const HeadRows<const T>& rows, Index row, T (&to)[E]) const {
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c) to[c] = inside(row) && c < features ? rows.data[row * rows.stride + c] : T(0);
  }
  template <int E>
  __device__ T dot_bias(const T* bias, const T (&key)[E]) const {
    T sum = T(0);
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c)
      if (c < features) sum += bias[c] * key[c];
    return sum;
  }

  // A thread stages row `at` of a tile of `count` rows, if that is one of them. So warps load different
  // operands, all at the same time.
  static __device__ bool stages(int at, int count) { return at >= 0 && at < count; }
  // Loads key first + at to shared memory with its product with a staged bias.
  template <int E>
  __device__ void stage_key(const HeadRows<const T>& rows, const T* bias, Index first, int at, int count,
                            T* to) const {
    if (!stages(at, count)) return;
    T key[E], along = T(0);
    load(rows, first + at, key);
    T* const out = to + at * key_stride<E>;
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c) {
      out[c] = key[c];
      along += bias[c] * key[c];
    }
    out[E] = along;
  }
  template <int E>
  __device__ void stage_value(Index first, int at, int count, T* to) const {
    if (!stages(at, count)) return;
    T value[E];
    load(v, first + at, value);
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c) to[at * value_stride<E> + c] = value[c];
  }
  // Stages keys from .., their values, and the distances from `lowest` on: a warp each, and two of distances.
  template <int E>
  __device__ void stage_keys(Index from, Index lowest, const T* biases, T* keys, T* values,
                             T* distances) const {
    const int thread = int(threadIdx.x);
    stage_key<E>(k, biases, from, thread, attention_tile, keys);
    stage_value<E>(from, thread - attention_tile, attention_tile, values);
    stage_key<E>(r, biases + E, lowest, thread - 2 * attention_tile, attention_window, distances);
  }
  // Stages b_w and b_r (E each), with zeros past the features.
  template <int E>
  __device__ void stage_biases(T* to) const {
    const int c = int(threadIdx.x);
    if (c >= E) return;
    to[c] = c < features ? b_w[c] : T(0);
    to[E + c] = c < features ? b_r[c] : T(0);
  }
  // Loads queries first .. first + tile - 1 with what backward needs of them, by two warps.
  template <int E>
  __device__ void stage_queries(Index first, T* to) const {
    const int thread = int(threadIdx.x);
    if (stages(thread, attention_tile)) {
      T query[E];
      load(q, first + thread, query);
      T* const out = to + thread * query_stride<E>;
      STILLPOINT_UNROLL(16)
      for (int c = 0; c < E; ++c) out[c] = query[c];
    }
    const int at = thread - attention_tile;
    if (!stages(at, attention_tile)) return;
    T g[E], value[E], along = T(0);
    load(dy, first + at, g);
    load(y, first + at, value);
    const T norm = inside(first + at) ? log_sum[first + at] * T(log2_e) : T(0);
    T* const out = to + at * query_stride<E> + E;
    STILLPOINT_UNROLL(16)
    for (int c = 0; c < E; ++c) {
      out[c] = g[c];
      along += g[c] * value[c];
    }
    out[E] = norm;
    out[E + 1] = along;
  }
};

// Returns q . (k + r) + b_w . k + b_r . r; the products with the biases lie behind the key and the distance.
template <int E, class T, class Query, class Key, class Distance>
__device__ T attention_score(const Query& q, const Key& k, const Distance& r) {
  T sum = k[E] + r[E];
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) sum += q[c] * (k[c] + r[c]);
  return sum;
}
template <int E, class T, class A, class B>
__device__ T attention_dot(const A& a, const B& b) {
  T sum = T(0);
  STILLPOINT_UNROLL(16)
  for (int c = 0; c < E; ++c) sum += a[c] * b[c];
  return sum;
}

// Returns to all of them the sum over the threads of a warp whose numbers differ in the bits from `first` to
// below `end`.
template <class T>
__device__ T attention_sum(T value, int first, int end) {
  for (int step = first; step < end; step *= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  return value;
}

}  // namespace stillpoint::kernels

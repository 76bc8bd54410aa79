// Relative attention on the CPU: vectors of keys, a head of a sample at a time.
#include "kernels/relative_attention/relative_attention_cpu.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "kernels/host/pool.h"
#include "kernels/launch/simd_lanes.h"
#include "kernels/launch/simd_math.h"
#include "kernels/relative_attention/relative_attention_dispatch.h"

namespace stillpoint::kernels {
namespace {

using simd::Vector;
template <class T>
inline constexpr Index lanes = simd::width<T>;

// A second thread pays from this many scores on.
constexpr Index threaded_from = 16384;
// So many queries are processed together. Backward then reads and writes gradients of keys half as often.
constexpr int tile_queries = 2;

// Element (channel c, position j) is at data[c * stride + j].
template <class T>
struct Channels {
  T* data;
  Index stride;
  T* operator[](Index c) const { return data + c * stride; }
};

// One head of one sample, with its keys and values by channel. The E features past `features` are
// zero.
template <class T, int E>
struct Head {
  Index length, features, row, part;  // in qkv: elements from position to position, and from q to k to v
  const T *qkv, *b_w, *b_r;
  Channels<T> k, v, r;  // r: distance p at L - 1 - p, so that the keys j of query i are at L - 1 - i + j
  T* scores;            // tile_queries rows
  Index stride;
  T scale;  // 1 / sqrt(features)

  static constexpr Index arrays = 3 * E + tile_queries;
  // Reads past a query's last key stay within a row, where they find zeros.
  static Index stride_for(Index length) {
    return (length + tile_queries + lanes<T> - 1) / lanes<T> * lanes<T> + lanes<T>;
  }

  Head(const RelativeAttentionShape& s, const RelativeAttentionInputs& in, Index unit, T* memory)
      : length(s.length),
        features(s.features),
        row(3 * s.heads * s.features),
        part(s.heads * s.features),
        stride(stride_for(s.length)),
        scale(T(1 / std::sqrt(double(s.features)))) {
    const Index head = unit % s.heads;
    qkv = in.qkv.as<T>() + unit / s.heads * length * row + head * features;
    b_w = in.b_w.as<T>() + head * features;
    b_r = in.b_r.as<T>() + head * features;
    k = {memory, stride};
    v = {k[E], stride};
    r = {v[E], stride};
    scores = r[E];
    std::fill(memory, scores, T(0));
    const T* const keys = in.r.as<T>() + head * features;
    for (Index j = 0; j < length; ++j)
      for (Index c = 0; c < features; ++c) {
        k[c][j] = qkv[j * row + part + c];
        v[c][j] = qkv[j * row + 2 * part + c];
        r[c][length - 1 - j] = keys[j * part + c];
      }
  }
  // vectors() counts the vectors that hold keys 0 to i; query i's distances begin at shift().
  Index vectors(Index i) const { return i / lanes<T> + 1; }
  Index shift(Index i) const { return length - 1 - i; }

  // to[c] = factor (q_i + bias), by channel.
  void query(Index i, const T* bias, T factor, Vector<T> (&to)[E]) const {
    for (int c = 0; c < E; ++c)
      to[c] = c < features ? simd::splat(factor * (qkv[i * row + c] + bias[c])) : Vector<T>{};
  }
  // Calls finish(j, s) for the vectors of keys that query i sees; s = s_ij log2(e), and -inf past key i.
  template <class Finish>
  void each_score(Index i, Finish finish) const {
    Vector<T> qw[E], qr[E];
    const T factor = scale * std::numbers::log2e_v<T>;
    query(i, b_w, factor, qw);
    query(i, b_r, factor, qr);
    const auto score = [&](Index j) {
      Vector<T> by_key{}, by_distance{};
      for (int c = 0; c < E; ++c) {
        by_key += qw[c] * simd::load(k[c] + j);
        by_distance += qr[c] * simd::load(r[c] + shift(i) + j);
      }
      return by_key + by_distance;
    };
    Index j = 0;
    for (; j + lanes<T> <= i; j += lanes<T>) finish(j, score(j));
    finish(j, simd::lanes_or(score(j), 0, i + 1 - j, -std::numeric_limits<T>::infinity(),
                             simd::LaneSequence<T>{}));
  }
};

// Computes queries i to i + Q - 1. Together they read values less often, and wait less for their sums.
template <int Q, class T, int E>
void forward_queries(const Head<T, E>& head, Index i, T* y, T* log_sum) {
  constexpr T none = -std::numeric_limits<T>::infinity();
  const Index end = head.vectors(i + Q - 1) * lanes<T>;
  T top[Q], *scores[Q];
  for (int q = 0; q < Q; ++q) {
    T* const row = scores[q] = head.scores + q * head.stride;
    Vector<T> tops = simd::splat(none);
    head.each_score(i + q, [&](Index j, Vector<T> s) {
      tops = s > tops ? s : tops;
      simd::store(row + j, s);
    });
    std::fill(row + head.vectors(i + q) * lanes<T>, row + end, none);
    top[q] = simd::largest<T>(tops);
  }
  Vector<T> total[Q]{}, sums[Q][E]{};
  for (Index j = 0; j < end; j += lanes<T>) {
    Vector<T> a[Q];
    for (int q = 0; q < Q; ++q) {
      a[q] = simd::power_of_two(simd::load(scores[q] + j) - top[q]);
      total[q] += a[q];
    }
    for (int c = 0; c < E; ++c) {
      const Vector<T> value = simd::load_kept(head.v[c] + j);
      for (int q = 0; q < Q; ++q) sums[q][c] += a[q] * value;
    }
  }
  for (int q = 0; q < Q; ++q, y += head.part) {
    const T sum = simd::sum<T>(total[q]);
    for (Index c = 0; c < head.features; ++c) y[c] = simd::sum<T>(sums[q][c]) / sum;
    log_sum[i + q] = (top[q] + std::log2(sum)) * T(0.6931471805599453);
  }
}

template <class T, int E>
void forward_head(const Head<T, E>& head, T* y, T* log_sum) {
  Index i = 0;
  for (; i + tile_queries <= head.length; i += tile_queries)
    forward_queries<tile_queries>(head, i, y + i * head.part, log_sum);
  for (; i < head.length; ++i) forward_queries<1>(head, i, y + i * head.part, log_sum);
}

// Gradients of one head: k, v and r by channel like the head's own; q where it lies in qkv; b_w and b_r.
template <class T, int E>
struct HeadGradients {
  Channels<T> k, v, r;
  T* q;
  T b_w[E] = {}, b_r[E] = {};
};

// Adds the gradients of queries i to i + Q - 1; with Parameters also those of r, b_w and b_r.
template <int Q, bool Parameters, class T, int E>
void backward_queries(const Head<T, E>& head, HeadGradients<T, E>& grads, Index i, const T* y, const T* dy,
                      const T* log_sum) {
  const Index vectors = head.vectors(i + Q - 1), end = vectors * lanes<T>;
  Vector<T> out[Q][E], along[Q];  // dy, and dy . y
  T* a[Q];
  for (int q = 0; q < Q; ++q) {
    a[q] = head.scores + q * head.stride;
    const T norm = log_sum[i + q] * std::numbers::log2e_v<T>;
    head.each_score(i + q,
                    [&](Index j, Vector<T> s) { simd::store(a[q] + j, simd::power_of_two(s - norm)); });
    std::fill(a[q] + head.vectors(i + q) * lanes<T>, a[q] + end, T(0));
    T sum = T(0);
    for (int c = 0; c < E; ++c) {
      const T g = c < head.features ? dy[(i + q) * head.part + c] : T(0);
      out[q][c] = simd::splat(g);
      if (c < head.features) sum += g * y[(i + q) * head.part + c];
    }
    along[q] = simd::splat(sum);
  }
  for (Index j = 0; j < end; j += lanes<T>) {  // dv_j += a_ij dy_i; dS_ij in place of a_ij
    Vector<T> weight[Q], ds[Q];
    for (int q = 0; q < Q; ++q) {
      weight[q] = simd::load(a[q] + j);
      ds[q] = -along[q];
    }
    for (int c = 0; c < E; ++c) {
      const Vector<T> value = simd::load(head.v[c] + j);
      Vector<T> dv = simd::load(grads.v[c] + j);
      for (int q = 0; q < Q; ++q) {
        ds[q] += out[q][c] * value;
        dv += weight[q] * out[q][c];
      }
      simd::store(grads.v[c] + j, dv);
    }
    for (int q = 0; q < Q; ++q) simd::store(a[q] + j, weight[q] * ds[q] * head.scale);
  }
  Vector<T> qw[Q][E], dq[Q][E]{};
  for (int q = 0; q < Q; ++q) head.query(i + q, head.b_w, T(1), qw[q]);
  for (Index j = 0; j < end; j += lanes<T>) {  // dk_j += dS_ij (q_i + b_w), dq_i += dS_ij (k_j + r_{i-j})
    Vector<T> ds[Q];
    for (int q = 0; q < Q; ++q) ds[q] = simd::load_kept(a[q] + j);
    for (int c = 0; c < E; ++c) {
      const Vector<T> key = simd::load(head.k[c] + j);
      Vector<T> dk = simd::load(grads.k[c] + j);
      for (int q = 0; q < Q; ++q) {
        dk += ds[q] * qw[q][c];
        dq[q][c] += ds[q] * (Parameters ? key : key + simd::load(head.r[c] + head.shift(i + q) + j));
      }
      simd::store(grads.k[c] + j, dk);
    }
  }
  Vector<T> by_distance[Q][E]{};
  if constexpr (Parameters)
    for (int q = 0; q < Q; ++q) {  // dr_{i-j} += dS_ij (q_i + b_r)
      Vector<T> qr[E];
      head.query(i + q, head.b_r, T(1), qr);
      for (Index j = 0; j < end; j += lanes<T>) {
        const Vector<T> ds = simd::load_kept(a[q] + j);
        for (int c = 0; c < E; ++c) {
          T* const dr = grads.r[c] + head.shift(i + q) + j;
          by_distance[q][c] += ds * simd::load(head.r[c] + head.shift(i + q) + j);
          simd::store(dr, simd::load(dr) + ds * qr[c]);
        }
      }
    }
  for (int q = 0; q < Q; ++q)
    for (Index c = 0; c < head.features; ++c) {
      const T w = simd::sum<T>(dq[q][c]), r = simd::sum<T>(by_distance[q][c]);
      grads.q[(i + q) * head.row + c] = w + r;
      grads.b_w[c] += w;
      grads.b_r[c] += r;
    }
}

template <bool Parameters, class T, int E>
void backward_head(const Head<T, E>& head, HeadGradients<T, E>& grads, const T* y, const T* dy,
                   const T* log_sum) {
  std::fill(grads.k.data, grads.r[Parameters ? E : 0], T(0));
  Index i = 0;
  for (; i + tile_queries <= head.length; i += tile_queries)
    backward_queries<tile_queries, Parameters>(head, grads, i, y, dy, log_sum);
  for (; i < head.length; ++i) backward_queries<1, Parameters>(head, grads, i, y, dy, log_sum);
  for (Index j = 0; j < head.length; ++j)
    for (Index c = 0; c < head.features; ++c) {
      grads.q[j * head.row + head.part + c] = grads.k[c][j];
      grads.q[j * head.row + 2 * head.part + c] = grads.v[c][j];
    }
}

// Calls work(unit, scratch) for the heads of all samples, with scratch of `elements` per slot.
template <class T, class Work>
void each_head(const RelativeAttentionShape& s, Index elements, Work work) {
  const Index units = s.batch * s.heads;
  const int slots = slots_for(units, units * s.length * s.length / 2 >= threaded_from);
  const Buffer scratch(Device::cpu, std::size_t(slots * elements) * sizeof(T));
  parallel(units, slots,
           [&](Index unit, int slot) { work(unit, static_cast<T*>(scratch.data()) + slot * elements); });
}

// Separate gradients of r, b_w and b_r of each sample, (N, (L + 2) H E), which add() sums.
template <class T>
struct ParameterSums {
  Index width, length, batch;  // H E
  RelativeAttentionInputs grads;
  Buffer sums;

  ParameterSums(const RelativeAttentionShape& s, const RelativeAttentionInputs& to)
      : width(s.heads * s.features), length(s.length), batch(s.batch), grads(to) {
    if (grads.r.data != nullptr)
      sums = Buffer(Device::cpu, std::size_t(batch * (length + 2) * width) * sizeof(T));
  }
  T* of_sample(Index n) const { return static_cast<T*>(sums.data()) + n * (length + 2) * width; }
  // Adds the samples in order.
  void add() const {
    T* const to[] = {grads.r.as<T>(), grads.b_w.as<T>(), grads.b_r.as<T>()};
    const Index begin[] = {0, length * width, (length + 1) * width, (length + 2) * width};
    for (int part = 0; part < 3; ++part)
      for (Index x = begin[part]; x < begin[part + 1]; ++x) {
        T total = T(0);
        for (Index n = 0; n < batch; ++n) total += of_sample(n)[x];
        to[part][x - begin[part]] = total;
      }
  }
};

}  // namespace

void relative_attention_forward_cpu(const RelativeAttentionShape& s, const RelativeAttentionInputs& inputs,
                                    const Array& y, const Array& log_sum) {
  dispatch_head("relative_attention_forward", s, y.dtype, [&](auto zero, auto features) {
    using T = decltype(zero);
    using OneHead = Head<T, features>;
    each_head<T>(s, OneHead::arrays * OneHead::stride_for(s.length), [&](Index unit, T* scratch) {
      const OneHead head(s, inputs, unit, scratch);
      forward_head(head, y.as<T>() + unit / s.heads * s.length * head.part + unit % s.heads * s.features,
                   log_sum.as<T>() + unit * s.length);
    });
  });
}

void relative_attention_backward_cpu(const RelativeAttentionShape& s, const RelativeAttentionInputs& inputs,
                                     const Array& y, const Array& log_sum, const Array& dy,
                                     const RelativeAttentionInputs& grads) {
  dispatch_head("relative_attention_backward", s, dy.dtype, [&](auto zero, auto features) {
    using T = decltype(zero);
    constexpr int E = features;
    using OneHead = Head<T, E>;
    const bool parameters = grads.r.data != nullptr;
    const ParameterSums<T> sums(s, grads);
    const Index stride = OneHead::stride_for(s.length), own = OneHead::arrays * stride;
    each_head<T>(s, own + 3 * E * stride, [&](Index unit, T* scratch) {
      const OneHead head(s, inputs, unit, scratch);
      const Index n = unit / s.heads, feature = unit % s.heads * s.features;
      const Index outputs = n * s.length * head.part + feature;
      T* const memory = scratch + own;
      HeadGradients<T, E> of{{memory, stride},
                             {memory + E * stride, stride},
                             {memory + 2 * E * stride, stride},
                             grads.qkv.as<T>() + n * s.length * head.row + feature};
      const T *const value = y.as<T>() + outputs, *const g = dy.as<T>() + outputs,
                     *const norm = log_sum.as<T>() + unit * s.length;
      if (!parameters) return backward_head<false>(head, of, value, g, norm);
      backward_head<true>(head, of, value, g, norm);
      T* const to = sums.of_sample(n) + feature;
      for (Index c = 0; c < s.features; ++c) {
        for (Index p = 0; p < s.length; ++p) to[p * head.part + c] = of.r[c][s.length - 1 - p];
        to[s.length * head.part + c] = of.b_w[c];
        to[(s.length + 1) * head.part + c] = of.b_r[c];
      }
    });
    if (parameters) sums.add();
  });
}

}  // namespace stillpoint::kernels

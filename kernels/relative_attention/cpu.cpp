// Relative attention on the CPU, a head of a sample at a time: forward by vectors of queries, backward by
// vectors of keys.
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
// Backward takes this many queries together, so that gradients of keys are read and written half as often.
constexpr int tile_queries = 2;

// Element (channel c, position j) is at data[c * stride + j].
template <class T>
struct Channels {
  T* data;
  Index stride;
  T* operator[](Index c) const { return data + c * stride; }
};

// One head of one sample for backward, with its keys and values by channel. The E features past `features`
// are zero.
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
  // Calls finish(q, j, s) for the vectors of keys that queries i + q < i + Q see together; s = s_ij log2(e),
  // and -inf past query i + q's own key.
  template <int Q, class Finish>
  void each_score(Index i, Finish finish) const {
    Vector<T> qw[Q][E], qr[Q][E];
    const T factor = scale * std::numbers::log2e_v<T>;
    for (int q = 0; q < Q; ++q) {
      query(i + q, b_w, factor, qw[q]);
      query(i + q, b_r, factor, qr[q]);
    }
    const T *const keys = k.data, *const distances = r.data + shift(i);
    const Index step = stride, whole = i / lanes<T> * lanes<T>;
    const auto score = [&](Index j, auto each) {
      Vector<T> by_key[Q]{}, by_distance[Q]{};
      for (int c = 0; c < E; ++c) {
        const Vector<T> key = simd::load_kept(keys + c * step + j);
        for (int q = 0; q < Q; ++q) {
          by_key[q] += qw[q][c] * key;
          by_distance[q] += qr[q][c] * simd::load(distances + c * step + j - q);
        }
      }
      for (int q = 0; q < Q; ++q) each(q, by_key[q] + by_distance[q]);
    };
    for (Index j = 0; j < whole; j += lanes<T>) score(j, [&](int q, Vector<T> s) { finish(q, j, s); });
    for (Index j = whole; j < vectors(i + Q - 1) * lanes<T>; j += lanes<T>)
      score(j, [&](int q, Vector<T> s) {
        finish(q, j, simd::lanes_or<T>(s, 0, i + q + 1 - j, -std::numeric_limits<T>::infinity()));
      });
  }
};

// One head of one sample as forward reads it: a lane is a query, so that sums over keys stay in their lanes.
template <class T, int E>
struct ForwardHead {
  static constexpr Index keys_together = 32;
  Index length, features, row, part;  // as in Head
  const T *qkv, *b_w, *b_r;
  T* pairs;       // (L,2,E): keys and values
  Channels<T> r;  // distance p at p, between zeros

  static Index stride_for(Index length) { return length + 3 * lanes<T>; }
  static Index elements(Index length) { return E * stride_for(length) + 2 * E * length; }

  ForwardHead(const RelativeAttentionShape& s, const RelativeAttentionInputs& in, Index unit, T* memory)
      : length(s.length), features(s.features), row(3 * s.heads * s.features), part(s.heads * s.features) {
    const Index head = unit % s.heads;
    qkv = in.qkv.as<T>() + unit / s.heads * length * row + head * features;
    b_w = in.b_w.as<T>() + head * features;
    b_r = in.b_r.as<T>() + head * features;
    std::fill_n(memory, elements(length), T(0));
    r = {memory + lanes<T>, stride_for(length)};
    pairs = memory + E * r.stride;
    const T* const distances = in.r.as<T>() + head * features;
    for (Index j = 0; j < length; ++j)
      for (Index c = 0; c < features; ++c) {
        pairs[2 * E * j + c] = qkv[j * row + part + c];
        pairs[2 * E * j + E + c] = qkv[j * row + 2 * part + c];
        r[c][j] = distances[j * part + c];
      }
  }
  // qw[c] and qr[c] = log2(e) / sqrt(features) (q_i + bias) of queries i < first + count, by lane.
  void queries(Index first, Index count, Vector<T> (&qw)[E], Vector<T> (&qr)[E]) const {
    const T factor = T(std::numbers::log2e / std::sqrt(double(features)));
    for (int c = 0; c < E; ++c) {
      T w[lanes<T>] = {}, d[lanes<T>] = {};
      for (Index l = 0; l < count && c < features; ++l) {
        const T q = qkv[(first + l) * row + c];
        w[l] = factor * (q + b_w[c]);
        d[l] = factor * (q + b_r[c]);
      }
      qw[c] = simd::load(w);
      qr[c] = simd::load(d);
    }
  }
};

// Computes a vector of queries from `first` on. Scores of some keys at a time are made, and then added
// relative to the largest score so far.
template <class T, int E>
void forward_queries(const ForwardHead<T, E>& head, Index first, T* y, T* log_sum) {
  constexpr Index most = ForwardHead<T, E>::keys_together;
  constexpr T none = -std::numeric_limits<T>::infinity(), ln2 = std::numbers::ln2_v<T>;
  const Index count = std::min<Index>(lanes<T>, head.length - first), end = first + count;
  Vector<T> qw[E], qr[E], top = simd::splat(none), total{}, sums[E]{}, scores[most];
  head.queries(first, count, qw, qr);
  for (Index begin = 0; begin < end; begin += most) {
    const Index some = std::min(most, end - begin);
    const T *const pairs = head.pairs + 2 * E * begin, *const distances = head.r.data + first - begin;
    const Index stride = head.r.stride;
    Vector<T> best = top;
    for (Index n = 0; n < some; ++n) {
      Vector<T> by_key{}, by_distance{};
      for (int c = 0; c < E; ++c) {
        by_key += qw[c] * pairs[2 * E * n + c];
        by_distance += qr[c] * simd::load(distances + c * stride - n);
      }
      Vector<T> s = by_key + by_distance;
      if (begin + n > first) s = simd::lanes_or<T>(s, begin + n - first, lanes<T>, none);
      best = s > best ? s : best;
      scores[n] = s;
    }
    const Vector<T> rescale = simd::power_of_two(top - best);
    total *= rescale;
    for (Vector<T>& sum : sums) sum *= rescale;
    top = best;
    for (Index n = 0; n < some; ++n) {
      const Vector<T> a = simd::power_of_two(scores[n] - top);
      total += a;
      for (int c = 0; c < E; ++c) sums[c] += a * pairs[2 * E * n + E + c];
    }
  }
  for (Index c = 0; c < head.features; ++c) {
    const Vector<T> value = sums[c] / total;
    for (Index l = 0; l < count; ++l) y[(first + l) * head.part + c] = value[l];
  }
  for (Index l = 0; l < count; ++l) log_sum[first + l] = (top[l] + std::log2(total[l])) * ln2;
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
  const Index end = head.vectors(i + Q - 1) * lanes<T>, stride = head.stride;
  T *const a = head.scores, *const values = head.v.data, *const keys = head.k.data,
           *const distances = head.r.data + head.shift(i), *const to_values = grads.v.data,
           *const to_keys = grads.k.data;
  head.template each_score<Q>(i, [&](int q, Index j, Vector<T> s) { simd::store(a + q * stride + j, s); });
  Vector<T> out[Q][E], along[Q], norm[Q];  // dy, and dy . y
  for (int q = 0; q < Q; ++q) {
    norm[q] = simd::splat(log_sum[i + q] * std::numbers::log2e_v<T>);
    T sum = T(0);
    for (int c = 0; c < E; ++c) {
      const T g = c < head.features ? dy[(i + q) * head.part + c] : T(0);
      out[q][c] = simd::splat(g);
      if (c < head.features) sum += g * y[(i + q) * head.part + c];
    }
    along[q] = simd::splat(sum);
  }
  for (Index j = 0; j < end; j += lanes<T>) {  // dv_j += a_ij dy_i; dS_ij sqrt(E) in place of the score
    Vector<T> weight[Q], ds[Q];
    for (int q = 0; q < Q; ++q) {
      weight[q] = simd::power_of_two(simd::load(a + q * stride + j) - norm[q]);
      ds[q] = -along[q];
    }
    for (int c = 0; c < E; ++c) {
      const Vector<T> value = simd::load_kept(values + c * stride + j);
      Vector<T> dv = simd::load(to_values + c * stride + j);
      for (int q = 0; q < Q; ++q) {
        ds[q] += out[q][c] * value;
        dv += weight[q] * out[q][c];
      }
      simd::store(to_values + c * stride + j, dv);
    }
    for (int q = 0; q < Q; ++q) simd::store(a + q * stride + j, weight[q] * ds[q]);
  }
  Vector<T> qw[Q][E], dq[Q][E]{};
  for (int q = 0; q < Q; ++q) head.query(i + q, head.b_w, head.scale, qw[q]);
  for (Index j = 0; j < end; j += lanes<T>) {  // dk_j += dS_ij (q_i + b_w), dq_i += dS_ij (k_j + r_{i-j})
    Vector<T> ds[Q];
    for (int q = 0; q < Q; ++q) ds[q] = simd::load_kept(a + q * stride + j);
    for (int c = 0; c < E; ++c) {
      const Vector<T> key = simd::load_kept(keys + c * stride + j);
      Vector<T> dk = simd::load(to_keys + c * stride + j);
      for (int q = 0; q < Q; ++q) {
        dk += ds[q] * qw[q][c];
        dq[q][c] += ds[q] * (Parameters ? key : key + simd::load(distances + c * stride + j - q));
      }
      simd::store(to_keys + c * stride + j, dk);
    }
  }
  Vector<T> by_distance[Q][E]{};
  if constexpr (Parameters)
    for (int q = 0; q < Q; ++q) {  // dr_{i-j} += dS_ij (q_i + b_r)
      Vector<T> qr[E];
      head.query(i + q, head.b_r, head.scale, qr);
      for (Index j = 0; j < end; j += lanes<T>) {
        const Vector<T> ds = simd::load_kept(a + q * stride + j);
        for (int c = 0; c < E; ++c) {
          T* const dr = grads.r[c] + head.shift(i + q) + j;
          by_distance[q][c] += ds * simd::load(head.r[c] + head.shift(i + q) + j);
          simd::store(dr, simd::load(dr) + ds * qr[c]);
        }
      }
    }
  for (int q = 0; q < Q; ++q)
    for (Index c = 0; c < head.features; ++c) {
      const T w = simd::sum<T>(dq[q][c]) * head.scale, r = simd::sum<T>(by_distance[q][c]) * head.scale;
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
    using OneHead = ForwardHead<T, features>;
    each_head<T>(s, OneHead::elements(s.length), [&](Index unit, T* scratch) {
      const OneHead head(s, inputs, unit, scratch);
      T* const to = y.as<T>() + unit / s.heads * s.length * head.part + unit % s.heads * s.features;
      for (Index first = 0; first < s.length; first += lanes<T>)
        forward_queries(head, first, to, log_sum.as<T>() + unit * s.length);
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

// Backward of the TCN block on the CPU: per sample both data adjoints and weight adjoints, then sums over
// samples.
#include "kernels/causal_conv_cpu.h"

namespace stillpoint::kernels::tcn_cpu {
namespace {

// A set of weight gradients before weight norm, as offsets: dw1 (C,Ci,K), dw2 (C,C,K), ddown (C,Ci), then the
// bias gradients db1, db2, ddown_b (C). Sums over samples are kept per group of neighbouring samples and the
// groups are added in order; how many there are depends on the shape alone, so no result depends on the
// number of threads.
struct Partials {
  static constexpr Index most_groups = 64, most_elements = Index(1) << 22;
  Index w2, down, b1, b2, down_b, size;
  Index groups, group_samples;

  Partials(const TcnBlockShape& s, bool has_down) {
    w2 = s.channels * s.in_channels * s.taps;
    down = w2 + s.channels * s.channels * s.taps;
    b1 = down + (has_down ? s.channels * s.in_channels : 0);
    b2 = b1 + s.channels;
    down_b = b2 + s.channels;
    size = down_b + (has_down ? s.channels : 0);
    const Index allowed = std::clamp<Index>(most_elements / size, 1, most_groups);
    group_samples = (s.batch + allowed - 1) / allowed;
    groups = (s.batch + group_samples - 1) / group_samples;
  }
};

// The rows of one sample: r is dL/d(h + r), g2 and g1 the gradients of the convolutions' results.
template <class T>
struct SampleRows {
  Rows<T> x, a, r, g2, g1;

  SampleRows(T* memory, const TcnBlockShape& s)
      : x(memory, s.length),
        a(memory + Rows<T>::elements(s.in_channels, s.length), s.length),
        r(after(a, s)),
        g2(after(r, s)),
        g1(after(g2, s)) {}
  static Rows<T> after(const Rows<T>& rows, const TcnBlockShape& s) {
    return {rows.data - Rows<T>::elements(0, s.length) + Rows<T>::elements(s.channels, s.length), s.length};
  }
  static Index elements(const TcnBlockShape& s) {
    return Rows<T>::elements(s.in_channels, s.length) + 4 * Rows<T>::elements(s.channels, s.length);
  }
};

template <class T>
struct Backward {
  TcnBlockShape s;
  Partials layout;
  const T *x, *a, *h, *y, *dy;
  T* dx;
  Packed<T> w1, w2, down;  // of the adjoints; down.data is null without a down-sampling map
  T *slices, *partials;

  void group(const Team& team, Index slice, Index group) const;
  void load(const Team& team, Index n, const SampleRows<T>& rows) const;
  void mask(Index n, Index o, const SampleRows<T>& rows) const;
  void first_data(const Team& team, Index n, const SampleRows<T>& rows) const;
};

// dw[o][i][tap] (+)= sum_t g[o][t] x[i][t - lag dilation] for a tile of outputs and inputs.
template <class T, int O, int I>
inline void correlate_tile(const T* g, const T* x, Index stride, Index end, const TcnBlockShape& s, T* dw,
                           Index dw_stride, bool add) {
  for (Index lag = 0; lag < s.taps; ++lag) {
    Vector<T> acc[O][I] = {};
    const Index shift = lag * s.dilation;
    const T* const past = x - shift;
    for (Index t = shift / width<T> * width<T>; t < end; t += width<T>) {
      Vector<T> xs[I];
#pragma GCC unroll 2
      for (int i = 0; i < I; ++i) xs[i] = simd::load(past + i * stride + t);
#pragma GCC unroll 5
      for (int o = 0; o < O; ++o) {
        const Vector<T> go = simd::load(g + o * stride + t);
#pragma GCC unroll 2
        for (int i = 0; i < I; ++i) acc[o][i] += go * xs[i];
      }
    }
#pragma GCC unroll 5
    for (int o = 0; o < O; ++o)
#pragma GCC unroll 2
      for (int i = 0; i < I; ++i) {
        T& to = dw[o * dw_stride + i * s.taps + s.taps - 1 - lag];
        to = (add ? to : T(0)) + simd::sum<T>(acc[o][i]);
      }
  }
}

// The weight adjoint of one convolution for one sample; `s` holds its inputs, taps and dilation.
template <class T>
void correlate(const Team& team, const TcnBlockShape& s, const Rows<T>& g, const Rows<T>& x, T* dw,
               bool add) {
  const ChannelTiles tiles{s.channels};
  const Index count = tiles.count(), pairs = (s.in_channels + 1) / 2, end = s.length;
  for (Index item = team.rank; item < count * pairs; item += team.size) {
    const Index o = tiles.begin(item % count), i = item / count * 2, row = s.in_channels * s.taps;
    with_constant(tiles.begin(item % count + 1) - o, [&](auto n) {
      T* const to = dw + o * row + i * s.taps;
      if (i + 1 < s.in_channels)
        correlate_tile<T, n, 2>(g[o], x[i], g.stride, end, s, to, row, add);
      else
        correlate_tile<T, n, 1>(g[o], x[i], g.stride, end, s, to, row, add);
    });
  }
}

template <class T>
void sum_rows(const Team& team, const TcnBlockShape& s, const Rows<T>& g, T* sums, bool add) {
  for (Index o = team.rank; o < s.channels; o += team.size) {
    Vector<T> lanes[4] = {};
    for (Index t = 0; t < s.length; t += 4 * width<T>)
      for (Index k = 0; k < 4 && t + k * width<T> < s.length; ++k)
        lanes[k] += simd::load(g[o] + t + k * width<T>);
    sums[o] = (add ? sums[o] : T(0)) + simd::sum<T>((lanes[0] + lanes[1]) + (lanes[2] + lanes[3]));
  }
}

// r = dy where y > 0, g2 = r where h > 0.
template <class T>
void Backward<T>::mask(Index n, Index o, const SampleRows<T>& rows) const {
  const Index at = (n * s.channels + o) * s.length;
  const T *const dy_row = dy + at, *const y_row = y + at, *const h_row = h + at;
  T *const r = rows.r[o], *const g2 = rows.g2[o];
  SerialTeam{}.each(s.length, [=](Index t) {
    const T through = y_row[t] > T(0) ? dy_row[t] : T(0);
    r[t] = through;
    g2[t] = h_row[t] > T(0) ? through : T(0);
  });
  rows.r.clear_margins(o, s.length);
  rows.g2.clear_margins(o, s.length);
  rows.g1.clear_margins(o, s.length);
}

template <class T>
void Backward<T>::load(const Team& team, Index n, const SampleRows<T>& rows) const {
  for (Index o = team.rank; o < s.channels; o += team.size) mask(n, o, rows);
  for (Index c = team.rank; c < s.channels; c += team.size)
    rows.a.fill(c, a + (n * s.channels + c) * s.length, s.length);
  for (Index c = team.rank; c < s.in_channels; c += team.size)
    rows.x.fill(c, x + (n * s.in_channels + c) * s.length, s.length);
}

// dx = adjoint(w1) g1 + r, or + down_w^T r.
template <class T>
void Backward<T>::first_data(const Team& team, Index n, const SampleRows<T>& rows) const {
  convolve(team, s.length, w1, rows.g1, s.dilation, [&]<int O>(Index c, Index t, Tile<T, O>& tile) {
    if (down.data != nullptr) accumulate(tile, down.tile(c), rows.r[0] + t, rows.r.stride, s.channels, 1, 0);
    T* const out = dx + (n * s.in_channels + c) * s.length;
#pragma GCC unroll 5
    for (Index i = 0; i < O; ++i)
#pragma GCC unroll 2
      for (Index k = 0; k < tile_vectors; ++k) {
        const Index at = t + k * width<T>;
        const Vector<T> through = down.data != nullptr ? Vector<T>{} : simd::load(rows.r[c + i] + at);
        store_before(out + i * s.length, at, s.length, tile.v[i][k] + through);
      }
  });
}

template <class T>
void Backward<T>::group(const Team& team, Index slice, Index group) const {
  const SampleRows<T> rows(slices + slice * SampleRows<T>::elements(s), s);
  T* const sums = partials + group * layout.size;
  const Index begin = group * layout.group_samples, end = std::min(s.batch, begin + layout.group_samples);
  TcnBlockShape second = s, pointwise = s;
  second.in_channels = s.channels;
  pointwise.taps = 1;
  for (Index n = begin; n < end; ++n) {
    const bool add = n > begin;
    if (add) team.wait();
    load(team, n, rows);
    team.wait();
    convolve(team, s.length, w2, rows.g2, s.dilation, [&]<int O>(Index c, Index t, const Tile<T, O>& tile) {
#pragma GCC unroll 5
      for (Index i = 0; i < O; ++i)
#pragma GCC unroll 2
        for (Index k = 0; k < tile_vectors; ++k) {
          const Index at = t + k * width<T>;
          const Vector<T> passed = simd::load(rows.a[c + i] + at);
          simd::store(rows.g1[c + i] + at, passed > Vector<T>{} ? tile.v[i][k] : Vector<T>{});
        }
    });
    correlate(team, second, rows.g2, rows.a, sums + layout.w2, add);
    sum_rows(team, s, rows.g2, sums + layout.b2, add);
    if (down.data != nullptr) {
      correlate(team, pointwise, rows.r, rows.x, sums + layout.down, add);
      sum_rows(team, s, rows.r, sums + layout.down_b, add);
    }
    team.wait();
    if (dx != nullptr) first_data(team, n, rows);
    correlate(team, s, rows.g1, rows.x, sums, add);
    sum_rows(team, s, rows.g1, sums + layout.b1, add);
  }
}

// sums[i] of the first group becomes the sum over groups, in order.
template <class T>
void add_groups(const Partials& layout, T* sums, Index begin, Index count) {
  for (Index g = 1; g < layout.groups; ++g)
    SerialTeam{}.each(count, [=](Index i) { sums[begin + i] += sums[g * layout.size + begin + i]; });
}

// dg = <dw,v> / ||v||,  dv = gain / ||v|| (dw - v <dw,v> / ||v||^2) for one row of n weights.
template <class T>
void through_norm(const T* dw, const T* v, T gain, Index n, T* dv, T* dgain) {
  const T length = norm(v, n), inner = dot(dw, v, n);
  const T scale = gain / length, along = inner / (length * length);
  SerialTeam{}.each(n, [=](Index i) { dv[i] = scale * (dw[i] - v[i] * along); });
  *dgain = inner / length;
}

template <class T>
void finish(const Team& all, const TcnBlockShape& s, const Partials& layout, T* sums,
            const TcnBlockWeights& w, const TcnBlockWeights& grads) {
  const Index n1 = s.in_channels * s.taps, n2 = s.channels * s.taps;
  for (Index o = all.rank; o < s.channels; o += all.size) {
    add_groups(layout, sums, o * n1, n1);
    add_groups(layout, sums, layout.w2 + o * n2, n2);
    through_norm(sums + o * n1, pointer<T>(w.v1) + o * n1, pointer<T>(w.g1)[o], n1,
                 pointer<T>(grads.v1) + o * n1, pointer<T>(grads.g1) + o);
    through_norm(sums + layout.w2 + o * n2, pointer<T>(w.v2) + o * n2, pointer<T>(w.g2)[o], n2,
                 pointer<T>(grads.v2) + o * n2, pointer<T>(grads.g2) + o);
  }
  all.wait();
  if (all.rank > 0) return;
  add_groups(layout, sums, layout.down, layout.size - layout.down);
  const auto copy = [&](const Array& to, Index from) { std::copy_n(sums + from, to.size, pointer<T>(to)); };
  copy(grads.b1, layout.b1);
  copy(grads.b2, layout.b2);
  if (grads.down_w.data == nullptr) return;
  copy(grads.down_w, layout.down);
  copy(grads.down_b, layout.down_b);
}

}  // namespace

template <class T>
void backward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const TcnBlockMid& mid,
              const Array& y, const Array& dy, const Array& dx, const TcnBlockWeights& grads) {
  const bool parallel = products(s) >= serial_products, has_down = w.down_w.data != nullptr;
  const Index threads = parallel ? omp_get_max_threads() : 1;
  const Index slice = SampleRows<T>::elements(s);
  const Partials layout(s, has_down);
  Packed<T> w1{nullptr, s.channels, s.in_channels, s.taps}, w2{nullptr, s.channels, s.channels, s.taps};
  Packed<T> down{nullptr, s.channels, s.in_channels, 1};
  const Index weights = w1.size() + w2.size() + down.size();
  const Buffer memory(Device::cpu,
                      std::size_t(threads * slice + weights + layout.groups * layout.size) * sizeof(T));
  T* const slices = static_cast<T*>(memory.data());
  w1.data = slices + threads * slice;
  w2.data = w1.data + w1.size();
  if (has_down) down.data = w2.data + w2.size();
  T* const partials = w2.data + w2.size() + down.size();
  const Backward<T> work{s,
                         layout,
                         pointer<T>(x),
                         pointer<T>(mid.a),
                         pointer<T>(mid.h),
                         pointer<T>(y),
                         pointer<T>(dy),
                         pointer<T>(dx),
                         w1,
                         w2,
                         down,
                         slices,
                         partials};
#pragma omp parallel if (parallel)
  {
    const Team all{omp_get_thread_num(), omp_get_num_threads()};
    for (Index o = all.rank; o < s.channels; o += all.size) {
      const T* const v1 = pointer<T>(w.v1) + o * s.in_channels * s.taps;
      const T* const v2 = pointer<T>(w.v2) + o * s.channels * s.taps;
      pack_adjoint_row(w1, v1, pointer<T>(w.g1)[o] / norm(v1, s.in_channels * s.taps), o);
      pack_adjoint_row(w2, v2, pointer<T>(w.g2)[o] / norm(v2, s.channels * s.taps), o);
      if (has_down) pack_adjoint_row(down, pointer<T>(w.down_w) + o * s.in_channels, T(1), o);
    }
    share_units(all, layout.groups,
                [&](const Team& team, Index at, Index group) { work.group(team, at, group); });
    all.wait();
    finish(all, s, layout, partials, w, grads);
  }
}

template void backward<float>(const TcnBlockShape&, const TcnBlockWeights&, const Array&, const TcnBlockMid&,
                              const Array&, const Array&, const Array&, const TcnBlockWeights&);
template void backward<double>(const TcnBlockShape&, const TcnBlockWeights&, const Array&, const TcnBlockMid&,
                               const Array&, const Array&, const Array&, const TcnBlockWeights&);

}  // namespace stillpoint::kernels::tcn_cpu

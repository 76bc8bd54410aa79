// Backward of the TCN block on the CPU: per sample both data adjoints and weight adjoints, then sums over
// samples.
#include "kernels/tcn_block/tcn_block_cpu.h"

namespace stillpoint::kernels::tcn_block_cpu {
namespace {

// A set of weight gradients before weight norm, as offsets: dw1 (C,Ci,K), dw2 (C,C,K), ddown (C,Ci), then the
// bias gradients db1, db2, ddown_b (C). Each group of neighbouring samples has its own sums, and the groups
// are added in order. Their number depends only on the shape, so no result depends on the number of threads.
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

// The rows of one sample: r = dL/d(h + r); g2 and g1 are the gradients of the convolutions' results.
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
  Weights<T> w1, w2, down;  // for the adjoints; down.data is null without a down-sampling map
  T *slices, *partials;
  const Normalised<T>* before;  // computed with the first sample, or null
  const TcnBlockWeights* weights;

  void group(Index parts, int slot, Index group) const;
  void load(const Team& team, Index n, const SampleRows<T>& rows) const;
  void mask(Index n, Index o, const SampleRows<T>& rows) const;
  void second_data(const Team& team, const SampleRows<T>& rows) const;
  void first_data(const Team& team, Index n, const SampleRows<T>& rows) const;
};

// acc[o][i] = sum over t in [begin, end) of g[o][t] x[i][t].
template <class T, int O, int I>
inline void correlate_rows(const T* g, const T* x, Index stride, Index begin, Index end,
                           Vector<T> (&acc)[O][I]) {
  for (Index t = begin; t < end; t += width<T>) {
    Vector<T> xs[I];
#pragma GCC unroll 2
    for (int i = 0; i < I; ++i) xs[i] = simd::load_kept(x + i * stride + t);
#pragma GCC unroll 10
    for (int o = 0; o < O; ++o) {
      const Vector<T> go = simd::load_kept(g + o * stride + t);
#pragma GCC unroll 2
      for (int i = 0; i < I; ++i) acc[o][i] += go * xs[i];
    }
  }
}

// dw[o][i][tap] (+)= sum_t g[o][t] x[i][t - lag dilation] for a tile of outputs and inputs.
template <class T, int O, int I>
void correlate_tile(const T* g, const T* x, Index stride, const TcnBlockShape& s, Index lag, T* dw,
                    bool add) {
  Vector<T> acc[O][I] = {};
  const Index shift = lag * s.dilation;
  correlate_rows<T, O, I>(g, x - shift, stride, shift / width<T> * width<T>, s.length, acc);
  T* to = dw + s.taps - 1 - lag;
#pragma GCC unroll 10
  for (int o = 0; o < O; ++o, to += s.in_channels * s.taps)
#pragma GCC unroll 2
    for (int i = 0; i < I; ++i) to[i * s.taps] = (add ? to[i * s.taps] : T(0)) + simd::sum<T>(acc[o][i]);
}

// Computes the weight adjoint of one convolution for one sample; `s` holds its inputs, taps and dilation.
template <class T>
void correlate(const Team& team, const TcnBlockShape& s, const Rows<T>& g, const Rows<T>& x, T* dw,
               bool add) {
  const ChannelTiles tiles(s.channels);
  const Index pairs = (s.in_channels + 1) / 2;
  for (Index item = team.rank; item < tiles.count * pairs * s.taps; item += team.size) {
    const Index lag = item % s.taps, tile = item / s.taps % tiles.count, o = tiles.begin(tile),
                i = item / s.taps / tiles.count * 2;
    tile::with_count<tile_channels>(tiles.width(tile), [&](auto n) {
      T* const to = dw + (o * s.in_channels + i) * s.taps;
      if (i + 1 < s.in_channels)
        correlate_tile<T, n, 2>(g[o], x[i], g.stride, s, lag, to, add);
      else
        correlate_tile<T, n, 1>(g[o], x[i], g.stride, s, lag, to, add);
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
#pragma GCC ivdep
  for (Index t = 0; t < s.length; ++t) {
    const T through = y_row[t] > T(0) ? dy_row[t] : T(0);
    r[t] = through;
    g2[t] = h_row[t] > T(0) ? through : T(0);
  }
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

// g1 = adjoint(w2) g2 where a > 0.
template <class T>
void Backward<T>::second_data(const Team& team, const SampleRows<T>& rows) const {
  convolve(team, s.length, w2, rows.g2, s.dilation, [&]<int O>(Index c, Index t, Tile<T, O>& tile) {
    const T* const a_rows = rows.a[c] + t;
    each_vector<O>([&](int i, int k) {
      const Vector<T> passed = simd::load(a_rows + i * rows.a.stride + k * width<T>);
      tile.v[i][k] = passed > Vector<T>{} ? tile.v[i][k] : Vector<T>{};
    });
    store_tile(rows.g1[c] + t, rows.g1.stride, tile);
  });
}

// dx = adjoint(w1) g1 + r, or + down_w^T r.
template <class T>
void Backward<T>::first_data(const Team& team, Index n, const SampleRows<T>& rows) const {
  T* const dx_rows = dx + n * s.in_channels * s.length;
  convolve(team, s.length, w1, rows.g1, s.dilation, [&]<int O>(Index c, Index t, Tile<T, O>& tile) {
    if (down.data != nullptr) {
      accumulate(tile, down, down.first_lag(c), rows.r[0] + t, rows.r.stride, 1, 0);
    } else {
      const T* const r = rows.r[c] + t;
      each_vector<O>([&](int i, int k) { tile.v[i][k] += simd::load(r + i * rows.r.stride + k * width<T>); });
    }
    store_tile(dx_rows + c * s.length + t, s.length, s.length - t, tile);
  });
}

template <class T>
void Backward<T>::group(Index parts, int slot, Index group) const {
  const SampleRows<T> rows(slices + slot * SampleRows<T>::elements(s), s);
  T* const sums = partials + group * layout.size;
  const Index begin = group * layout.group_samples, end = std::min(s.batch, begin + layout.group_samples);
  TcnBlockShape second = s, pointwise = s;
  second.in_channels = s.channels;
  pointwise.taps = 1;
  for (Index n = begin; n < end; ++n) {
    const bool add = n > begin;
    in_parts(parts, [&](const Team& team) {
      if (before != nullptr && n == 0) before->compute(team, *weights);
      load(team, n, rows);
    });
    in_parts(parts, [&](const Team& team) {
      second_data(team, rows);
      correlate(team, second, rows.g2, rows.a, sums + layout.w2, add);
      sum_rows(team, s, rows.g2, sums + layout.b2, add);
      if (down.data == nullptr) return;
      correlate(team, pointwise, rows.r, rows.x, sums + layout.down, add);
      sum_rows(team, s, rows.r, sums + layout.down_b, add);
    });
    in_parts(parts, [&](const Team& team) {
      if (dx != nullptr) first_data(team, n, rows);
      correlate(team, s, rows.g1, rows.x, sums, add);
      sum_rows(team, s, rows.g1, sums + layout.b1, add);
    });
  }
}

// sums[i] of the first group becomes the sum over groups, in order.
template <class T>
void add_groups(const Partials& layout, T* sums, Index begin, Index count) {
  for (Index g = 1; g < layout.groups; ++g)
#pragma GCC ivdep
    for (Index i = begin; i < begin + count; ++i) sums[i] += sums[g * layout.size + i];
}

// dg = <dw,v> / ||v||,  dv = gain / ||v|| (dw - v <dw,v> / ||v||^2) for one row of n weights.
template <class T>
void through_norm(const T* dw, const T* v, T norm, T gain, Index n, T* dv, T* dgain) {
  const T inner = dot(dw, v, n), scale = gain / norm, along = inner / (norm * norm);
#pragma GCC ivdep
  for (Index i = 0; i < n; ++i) dv[i] = scale * (dw[i] - v[i] * along);
  *dgain = inner / norm;
}

template <class T>
void finish(const Partials& layout, bool worthwhile, T* sums, const Normalised<T>& n,
            const TcnBlockWeights& w, const TcnBlockWeights& grads) {
  parallel(n.channels, slots_for(n.channels, worthwhile), [&](Index o, int) {
    const Index at1 = o * n.row1, at2 = o * n.row2;
    add_groups(layout, sums, at1, n.row1);
    add_groups(layout, sums, layout.w2 + at2, n.row2);
    through_norm(sums + at1, pointer<T>(w.v1) + at1, n.norm1[o], pointer<T>(w.g1)[o], n.row1,
                 pointer<T>(grads.v1) + at1, pointer<T>(grads.g1) + o);
    through_norm(sums + layout.w2 + at2, pointer<T>(w.v2) + at2, n.norm2[o], pointer<T>(w.g2)[o], n.row2,
                 pointer<T>(grads.v2) + at2, pointer<T>(grads.g2) + o);
  });
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
  const bool worthwhile = products(s) >= serial_products;
  const Partials layout(s, w.down_w.data != nullptr);
  const int slots = slots_for(layout.groups, worthwhile);
  const Index slice = SampleRows<T>::elements(s), partials = layout.groups * layout.size;
  const Buffer memory(Device::cpu,
                      std::size_t(slots * slice + partials + Normalised<T>::elements(s)) * sizeof(T));
  T* const scratch = static_cast<T*>(memory.data());
  T* const sums = scratch + slots * slice;
  const Normalised<T> n(s, sums + partials);
  const Backward<T> work{
      s,
      layout,
      pointer<T>(x),
      pointer<T>(mid.a),
      pointer<T>(mid.h),
      pointer<T>(y),
      pointer<T>(dy),
      pointer<T>(dx),
      Weights<T>::convolution(n.w1, s.in_channels, s.channels, s.taps).adjoint(),
      Weights<T>::convolution(n.w2, s.channels, s.channels, s.taps).adjoint(),
      Weights<T>::convolution(pointer<T>(w.down_w), s.in_channels, s.channels, 1).adjoint(),
      scratch,
      sums,
      all_shared(layout.groups, worthwhile) ? &n : nullptr,
      &w};
  if (work.before == nullptr) n.compute(Team{}, w);
  share_units(layout.groups, worthwhile, slots,
              [&](Index parts, int slot, Index group) { work.group(parts, slot, group); });
  finish(layout, layout.groups * layout.size >= serial_below, sums, n, w, grads);
}

template void backward<float>(const TcnBlockShape&, const TcnBlockWeights&, const Array&, const TcnBlockMid&,
                              const Array&, const Array&, const Array&, const TcnBlockWeights&);
template void backward<double>(const TcnBlockShape&, const TcnBlockWeights&, const Array&, const TcnBlockMid&,
                               const Array&, const Array&, const Array&, const TcnBlockWeights&);

}  // namespace stillpoint::kernels::tcn_block_cpu

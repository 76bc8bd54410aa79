// Forward of the TCN block on the CPU: both convolutions in register tiles, everything else in their
// epilogues.
#include "kernels/tcn_block/tcn_block_cpu.h"

namespace stillpoint::kernels::tcn_block_cpu {
namespace {

template <class T>
struct Forward {
  TcnBlockShape s;
  const T *x, *b1, *b2, *down_b;
  T *a, *h, *y;
  Weights<T> w1, w2, down;  // down.data is null without a down-sampling map
  T* slices;
  Index slice_size;
  const Normalised<T>* before;  // computed with the first sample, or null
  const TcnBlockWeights* weights;

  void sample(Index parts, int slot, Index n) const;
  void first(const Team& team, Index n, const Rows<T>& in, const Rows<T>& mid) const;
  void second(const Team& team, Index n, const Rows<T>& in, const Rows<T>& mid) const;
  template <int O>
  Tile<T, O> residual(const Rows<T>& in, Index o, Index t) const;
};

template <class T>
void Forward<T>::sample(Index parts, int slot, Index n) const {
  const Rows<T> in(slices + slot * slice_size, s.length);
  const Rows<T> mid(slices + slot * slice_size + Rows<T>::elements(s.in_channels, s.length), s.length);
  in_parts(parts, [&](const Team& team) {
    if (before != nullptr && n == 0) before->compute(team, *weights);
    for (Index c = team.rank; c < s.in_channels; c += team.size)
      in.fill(c, x + (n * s.in_channels + c) * s.length, s.length);
    for (Index c = team.rank; c < s.channels; c += team.size) mid.clear_margins(c, s.length);
  });
  in_parts(parts, [&](const Team& team) { first(team, n, in, mid); });
  in_parts(parts, [&](const Team& team) { second(team, n, in, mid); });
}

// tile = relu(tile + bias)
template <class T, int O>
inline void activate(Tile<T, O>& tile, const T* bias) {
  each_vector<O>([&](int o, int k) { tile.v[o][k] = simd::relu<T>(tile.v[o][k] + simd::splat(bias[o])); });
}

template <class T>
void Forward<T>::first(const Team& team, Index n, const Rows<T>& in, const Rows<T>& mid) const {
  T* const rows = a + n * s.channels * s.length;
  convolve(team, s.length, w1, in, -s.dilation, [&]<int O>(Index o, Index t, Tile<T, O>& tile) {
    activate(tile, b1 + o);
    store_tile(mid[o] + t, mid.stride, tile);
    store_tile(rows + o * s.length + t, s.length, s.length - t, tile);
  });
}

// Returns r[o..o+O) at t: x itself, or the down-sampling map.
template <class T>
template <int O>
inline Tile<T, O> Forward<T>::residual(const Rows<T>& in, Index o, Index t) const {
  Tile<T, O> r;
  if (down.data == nullptr) {
    each_vector<O>([&](int i, int k) { r.v[i][k] = simd::load(in[o + i] + t + k * width<T>); });
    return r;
  }
  each_vector<O>([&](int i, int k) { r.v[i][k] = simd::splat(down_b[o + i]); });
  accumulate(r, down, down.first_lag(o), in[0] + t, in.stride, 1, 0);
  return r;
}

template <class T>
void Forward<T>::second(const Team& team, Index n, const Rows<T>& in, const Rows<T>& mid) const {
  const Index sample = n * s.channels * s.length;
  convolve(team, s.length, w2, mid, -s.dilation, [&]<int O>(Index o, Index t, Tile<T, O>& tile) {
    const Index at = sample + o * s.length + t;
    activate(tile, b2 + o);
    store_tile(h + at, s.length, s.length - t, tile);
    const Tile<T, O> r = residual<O>(in, o, t);
    each_vector<O>([&](int i, int k) { tile.v[i][k] = simd::relu<T>(tile.v[i][k] + r.v[i][k]); });
    store_tile(y + at, s.length, s.length - t, tile);
  });
}

}  // namespace

template <class T>
void forward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const Array& a, const Array& h,
             const Array& y) {
  const bool worthwhile = products(s) >= serial_products;
  const int slots = slots_for(s.batch, worthwhile);
  const Index slice = Rows<T>::elements(s.in_channels, s.length) + Rows<T>::elements(s.channels, s.length);
  const Buffer memory(Device::cpu, std::size_t(slots * slice + Normalised<T>::elements(s)) * sizeof(T));
  T* const scratch = static_cast<T*>(memory.data());
  const Normalised<T> n(s, scratch + slots * slice);
  const Forward<T> work{s,
                        pointer<T>(x),
                        pointer<T>(w.b1),
                        pointer<T>(w.b2),
                        pointer<T>(w.down_b),
                        pointer<T>(a),
                        pointer<T>(h),
                        pointer<T>(y),
                        Weights<T>::convolution(n.w1, s.in_channels, s.channels, s.taps),
                        Weights<T>::convolution(n.w2, s.channels, s.channels, s.taps),
                        Weights<T>::convolution(pointer<T>(w.down_w), s.in_channels, s.channels, 1),
                        scratch,
                        slice,
                        all_shared(s.batch, worthwhile) ? &n : nullptr,
                        &w};
  if (work.before == nullptr) n.compute(Team{}, w);
  share_units(s.batch, worthwhile, slots,
              [&](Index parts, int slot, Index sample) { work.sample(parts, slot, sample); });
}

template void forward<float>(const TcnBlockShape&, const TcnBlockWeights&, const Array&, const Array&,
                             const Array&, const Array&);
template void forward<double>(const TcnBlockShape&, const TcnBlockWeights&, const Array&, const Array&,
                              const Array&, const Array&);

}  // namespace stillpoint::kernels::tcn_block_cpu

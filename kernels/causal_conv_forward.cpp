// Forward of the TCN block on the CPU: both convolutions in register tiles, everything else in their
// epilogues.
#include "kernels/causal_conv_cpu.h"

namespace stillpoint::kernels::tcn_cpu {
namespace {

template <class T>
struct Forward {
  TcnBlockShape s;
  const T *x, *b1, *b2, *down_b;
  T *a, *h, *y;
  Packed<T> w1, w2, down;
  T* slices;
  Index slice_size;

  void sample(const Team& team, Index slice, Index n) const;
  void first(const Team& team, Index n, const Rows<T>& in, const Rows<T>& mid) const;
  void second(const Team& team, Index n, const Rows<T>& in, const Rows<T>& mid) const;
  template <int O>
  Tile<T, O> residual(const Rows<T>& in, Index o, Index t) const;
};

template <class T>
void Forward<T>::sample(const Team& team, Index slice, Index n) const {
  const Rows<T> in(slices + slice * slice_size, s.length);
  const Rows<T> mid(slices + slice * slice_size + Rows<T>::elements(s.in_channels, s.length), s.length);
  for (Index c = team.rank; c < s.in_channels; c += team.size)
    in.fill(c, x + (n * s.in_channels + c) * s.length, s.length);
  for (Index c = team.rank; c < s.channels; c += team.size) mid.clear_margins(c, s.length);
  team.wait();
  first(team, n, in, mid);
  team.wait();
  second(team, n, in, mid);
}

template <class T>
void Forward<T>::first(const Team& team, Index n, const Rows<T>& in, const Rows<T>& mid) const {
  convolve(team, s.length, w1, in, -s.dilation, [&]<int O>(Index o, Index t, const Tile<T, O>& tile) {
    T* const out = a + (n * s.channels + o) * s.length;
#pragma GCC unroll 5
    for (Index i = 0; i < O; ++i) {
      const Vector<T> bias = simd::splat(b1[o + i]);
#pragma GCC unroll 2
      for (Index k = 0; k < tile_vectors; ++k) {
        const Vector<T> value = simd::relu<T>(tile.v[i][k] + bias);
        simd::store(mid[o + i] + t + k * width<T>, value);
        store_before(out + i * s.length, t + k * width<T>, s.length, value);
      }
    }
  });
}

// r[o..o+O) at t: x itself, or the down-sampling map.
template <class T>
template <int O>
Tile<T, O> Forward<T>::residual(const Rows<T>& in, Index o, Index t) const {
  Tile<T, O> r;
#pragma GCC unroll 5
  for (int i = 0; i < O; ++i)
#pragma GCC unroll 2
    for (Index k = 0; k < tile_vectors; ++k)
      r.v[i][k] =
          down.data == nullptr ? simd::load(in[o + i] + t + k * width<T>) : simd::splat(down_b[o + i]);
  if (down.data != nullptr) accumulate(r, down.tile(o), in[0] + t, in.stride, s.in_channels, 1, 0);
  return r;
}

template <class T>
void Forward<T>::second(const Team& team, Index n, const Rows<T>& in, const Rows<T>& mid) const {
  convolve(team, s.length, w2, mid, -s.dilation, [&]<int O>(Index o, Index t, const Tile<T, O>& tile) {
    const Index at = (n * s.channels + o) * s.length;
    const Tile<T, O> r = residual<O>(in, o, t);
#pragma GCC unroll 5
    for (Index i = 0; i < O; ++i) {
      const Vector<T> bias = simd::splat(b2[o + i]);
#pragma GCC unroll 2
      for (Index k = 0; k < tile_vectors; ++k) {
        const Vector<T> value = simd::relu<T>(tile.v[i][k] + bias);
        store_before(h + at + i * s.length, t + k * width<T>, s.length, value);
        store_before(y + at + i * s.length, t + k * width<T>, s.length, simd::relu<T>(value + r.v[i][k]));
      }
    }
  });
}

}  // namespace

template <class T>
void forward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const Array& a, const Array& h,
             const Array& y) {
  const bool parallel = products(s) >= serial_products;
  const Index threads = parallel ? omp_get_max_threads() : 1;
  const Index slice = Rows<T>::elements(s.in_channels, s.length) + Rows<T>::elements(s.channels, s.length);
  const bool has_down = w.down_w.data != nullptr;
  const Index weights = s.channels * ((s.in_channels + s.channels) * s.taps + (has_down ? s.in_channels : 0));
  const Buffer memory(Device::cpu, std::size_t(threads * slice + weights) * sizeof(T));
  T* const slices = static_cast<T*>(memory.data());
  T* const packed = slices + threads * slice;
  const Packed<T> w1{packed, s.in_channels, s.channels, s.taps};
  const Packed<T> w2{w1.data + w1.size(), s.channels, s.channels, s.taps};
  const Packed<T> down{has_down ? w2.data + w2.size() : nullptr, s.in_channels, s.channels, 1};
  const Forward<T> work{s,
                        pointer<T>(x),
                        pointer<T>(w.b1),
                        pointer<T>(w.b2),
                        pointer<T>(w.down_b),
                        pointer<T>(a),
                        pointer<T>(h),
                        pointer<T>(y),
                        w1,
                        w2,
                        down,
                        slices,
                        slice};
#pragma omp parallel if (parallel)
  {
    const Team all{omp_get_thread_num(), omp_get_num_threads()};
    for (Index o = all.rank; o < s.channels; o += all.size) {
      const T* const v1 = pointer<T>(w.v1) + o * w1.in * s.taps;
      const T* const v2 = pointer<T>(w.v2) + o * w2.in * s.taps;
      pack_row(w1, v1, pointer<T>(w.g1)[o] / norm(v1, w1.in * s.taps), o);
      pack_row(w2, v2, pointer<T>(w.g2)[o] / norm(v2, w2.in * s.taps), o);
      if (has_down) pack_row(down, pointer<T>(w.down_w) + o * down.in, T(1), o);
    }
    share_units(all, s.batch, [&](const Team& team, Index at, Index n) { work.sample(team, at, n); });
  }
}

template void forward<float>(const TcnBlockShape&, const TcnBlockWeights&, const Array&, const Array&,
                             const Array&, const Array&);
template void forward<double>(const TcnBlockShape&, const TcnBlockWeights&, const Array&, const Array&,
                              const Array&, const Array&);

}  // namespace stillpoint::kernels::tcn_cpu

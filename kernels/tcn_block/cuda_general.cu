// The TCN block on CUDA by implicit matrix products, for sizes beyond the fused kernels' shared memory.
#include "kernels/launch/tile_product.h"
#include "kernels/tcn_block/tcn_block_cuda.h"

namespace stillpoint::kernels {
namespace {

// w[lag,c,o] (by_input) or w[lag,o,c] = g_o v[o,c,K-1-lag] / ||v_o||
template <class T>
struct NormaliseWeight {
  const T *v, *gain;
  T* w;
  Index in, channels, taps;
  bool by_input;
  template <class Team>
  STILLPOINT_HD void operator()(Index o, Team team) const {
    const Index size = in * taps;
    const T* const vo = v + o * size;
    const T scale = gain[o] / square_root(team.template sum<T>(size, [=](Index e) { return vo[e] * vo[e]; }));
    team.each(size, [&](Index e) {
      const Index c = e / taps, lag = taps - 1 - (e - c * taps);
      w[lag * in * channels + (by_input ? c * channels + o : o * in + c)] = scale * vo[e];
    });
  }
};

template <class T>
const Buffer normalise(const TcnBlockShape& s, const Array& v, const Array& gain, Index in, bool by_input) {
  Buffer w(Device::cuda, std::size_t(v.size) * sizeof(T));
  each_row(Device::cuda, s.channels, in * s.taps,
           NormaliseWeight<T>{v.as<T>(), gain.as<T>(), static_cast<T*>(w.data()), in, s.channels, s.taps,
                              by_input});
  return w;
}

struct Position {
  Index n, t;
};
// The depth index of a convolution: lag = K-1-j outermost, then the channel that is summed over.
struct LagChannel {
  Index at, shift, channel;
};

// c(o,(n,t)) = sum_{lag,c} w[lag,c,o] x[n,c,t-lag d]; shift_sign -1 gives the adjoint, x[n,c,t+lag d].
template <class T, class Epilogue>
struct Convolution {
  using Value = T;
  static constexpr bool along_depth = false;
  Index rows, columns, depth, depth_per_split;
  const T *w, *x;
  Index in, length, dilation, shift_sign;
  Epilogue epilogue;

  __device__ Index row(Index i) const { return i; }
  __device__ Position column(Index j) const { return {j / length, j % length}; }
  __device__ LagChannel inner(Index k) const { return {k, k / in * dilation * shift_sign, k % in}; }
  __device__ T a(Index row, LagChannel k) const { return w[k.at * rows + row]; }
  __device__ T b(LagChannel k, Position p) const {
    const Index t = p.t - k.shift;
    return t >= 0 && t < length ? x[(p.n * in + k.channel) * length + t] : T(0);
  }
  __device__ void store(Index, Index row, Position p, T value) const {
    epilogue(p, row, (p.n * rows + row) * length + p.t, value);
  }
};

template <class T>
struct FirstEpilogue {
  const T* b;
  T* a;
  __device__ void operator()(Position, Index o, Index at, T value) const { a[at] = relu(value + b[o]); }
};
template <class T>
struct SecondEpilogue {
  const T *b, *x, *down_w, *down_b;
  T *h, *y;
  Index in, length;
  __device__ void operator()(Position p, Index o, Index at, T value) const {
    const T out = relu(value + b[o]);
    T r = down_w == nullptr ? x[at] : down_b[o];
    if (down_w != nullptr)
      for (Index c = 0; c < in; ++c) r += down_w[o * in + c] * x[(p.n * in + c) * length + p.t];
    h[at] = out;
    y[at] = relu(out + r);
  }
};
template <class T>
struct GateEpilogue {
  const T* a;
  T* e1;
  __device__ void operator()(Position, Index, Index at, T value) const {
    e1[at] = a[at] > T(0) ? value : T(0);
  }
};
template <class T>
struct InputEpilogue {
  const T *dr, *down_w;
  T* dx;
  Index in, channels, length;
  __device__ void operator()(Position p, Index c, Index at, T value) const {
    if (down_w == nullptr)
      value += dr[at];
    else
      for (Index o = 0; o < channels; ++o)
        value += down_w[o * in + c] * dr[(p.n * channels + o) * length + p.t];
    dx[at] = value;
  }
};

template <class T, class Epilogue>
void convolve(const char* name, const TcnBlockShape& s, Index out, Index in, const Buffer& w, const T* x,
              Index sign, const Epilogue& epilogue) {
  const Index depth = in * s.taps;
  launch_product(
      name,
      Convolution<T, Epilogue>{out, s.batch * s.length, depth, depth, static_cast<const T*>(w.data()), x, in,
                               s.length, s.dilation, sign, epilogue},
      1);
}

// dw(o,(c,j)) = sum_{n,t} e[n,o,t] x[n,c,t-(K-1-j)d]; the last column has x = 1 and is the bias gradient.
template <class T>
struct WeightGradient {
  using Value = T;
  static constexpr bool along_depth = true;
  Index rows, columns, depth, depth_per_split;
  const T *errors, *x;
  Index in, length, taps, dilation;
  T* partials;
  Index set_size;

  struct Column {
    Index at, channel, shift;
  };
  __device__ Index row(Index i) const { return i; }
  __device__ Column column(Index j) const { return {j, j / taps, (taps - 1 - j % taps) * dilation}; }
  __device__ Position inner(Index k) const { return {k / length, k % length}; }
  __device__ T a(Index row, Position p) const { return errors[(p.n * rows + row) * length + p.t]; }
  __device__ T b(Position p, Column column) const {
    if (column.at == columns - 1) return T(1);
    const Index t = p.t - column.shift;
    return t >= 0 ? x[(p.n * in + column.channel) * length + t] : T(0);
  }
  __device__ void store(Index split, Index row, Column column, T value) const {
    partials[split * set_size + row * columns + column.at] = value;
  }
};

template <class T>
struct MaskedErrors {
  const T *dy, *y, *h;
  T *dr, *e2;
  STILLPOINT_HD void operator()(Index i) const {
    const T value = y[i] > T(0) ? dy[i] : T(0);
    dr[i] = value;
    e2[i] = h[i] > T(0) ? value : T(0);
  }
};

template <class T>
void forward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const Array& a, const Array& h,
             const Array& y) {
  const Buffer w1 = normalise<T>(s, w.v1, w.g1, s.in_channels, true);
  const Buffer w2 = normalise<T>(s, w.v2, w.g2, s.channels, true);
  const bool down = w.down_w.data != nullptr;
  convolve("tcn_block_first", s, s.channels, s.in_channels, w1, x.as<T>(), 1,
           FirstEpilogue<T>{w.b1.as<T>(), a.as<T>()});
  convolve(
      "tcn_block_second", s, s.channels, s.channels, w2, a.as<T>(), 1,
      SecondEpilogue<T>{w.b2.as<T>(), x.as<T>(), down ? w.down_w.as<T>() : nullptr,
                        down ? w.down_b.as<T>() : nullptr, h.as<T>(), y.as<T>(), s.in_channels, s.length});
}

template <class T>
void backward(const TcnBlockShape& s, const TcnBlockWeights& w, const Array& x, const TcnBlockMid& mid,
              const Array& y, const Array& dy, const Array& dx, const TcnBlockWeights& grads) {
  const Index positions = s.batch * s.length;
  const bool down = w.down_w.data != nullptr;
  const Buffer errors(Device::cuda, std::size_t(3 * y.size) * sizeof(T));
  T* const dr = static_cast<T*>(errors.data());
  T* const e2 = dr + y.size;
  T* const e1 = e2 + y.size;
  each(Device::cuda, y.size, MaskedErrors<T>{dy.as<T>(), y.as<T>(), mid.h.as<T>(), dr, e2});
  const Buffer w2 = normalise<T>(s, w.v2, w.g2, s.channels, false);
  convolve("tcn_block_second_adjoint", s, s.channels, s.channels, w2, static_cast<const T*>(e2), -1,
           GateEpilogue<T>{mid.a.as<T>(), e1});
  if (dx.data != nullptr) {
    const Buffer w1 = normalise<T>(s, w.v1, w.g1, s.in_channels, false);
    convolve("tcn_block_input_adjoint", s, s.in_channels, s.channels, w1, static_cast<const T*>(e1), -1,
             InputEpilogue<T>{dr, down ? w.down_w.as<T>() : nullptr, dx.as<T>(), s.in_channels, s.channels,
                              s.length});
  }
  // The split fixes the order of the sums, so it depends only on the shape.
  const Index wanted = std::clamp<Index>(positions / 2048, 1, 64),
              per_split = (positions + wanted - 1) / wanted;
  const Index sets = (positions + per_split - 1) / per_split;
  const TcnPartialShape p = tcn_block_partial_shape(s, down);
  Buffer scratch(Device::cuda, std::size_t(sets * p.set_size) * sizeof(T));
  T* const set = static_cast<T*>(scratch.data());
  const auto gradient = [&](const T* e, const T* in, Index in_channels, Index taps, T* partials) {
    launch_product("tcn_block_weight_gradient",
                   WeightGradient<T>{s.channels, in_channels * taps + 1, positions, per_split, e, in,
                                     in_channels, s.length, taps, s.dilation, partials, p.set_size},
                   sets);
  };
  gradient(e1, x.as<T>(), s.in_channels, s.taps, set);
  gradient(e2, mid.a.as<T>(), s.channels, s.taps, set + s.channels * p.row1);
  if (down) gradient(dr, x.as<T>(), s.in_channels, 1, set + s.channels * (p.row1 + p.row2));
  tcn_block_sum_partials(s, w, sets, std::move(scratch), grads);
}

}  // namespace

void tcn_block_forward_general(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                               const Array& a, const Array& h, const Array& y) {
  dispatch_real(y.dtype, "tcn_block_forward",
                [&](auto zero) { forward<decltype(zero)>(shape, weights, x, a, h, y); });
}

void tcn_block_backward_general(const TcnBlockShape& shape, const TcnBlockWeights& weights, const Array& x,
                                const TcnBlockMid& mid, const Array& y, const Array& dy, const Array& dx,
                                const TcnBlockWeights& grads) {
  dispatch_real(y.dtype, "tcn_block_backward",
                [&](auto zero) { backward<decltype(zero)>(shape, weights, x, mid, y, dy, dx, grads); });
}

}  // namespace stillpoint::kernels

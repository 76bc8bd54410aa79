// Bodies of the causal convolution family, the reference of the fused TCN block, which is faster.
#include "kernels/conv1d/conv1d.h"

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct Conv1d {
  const T *x, *w;
  T* y;
  Conv1dShape s;
  STILLPOINT_HD void operator()(Index i) const {
    const Index t = i % s.length, o = i / s.length % s.out_channels, n = i / (s.length * s.out_channels);
    T total = T(0);
    for (Index c = 0; c < s.in_channels; ++c) {
      const T* row = x + (n * s.in_channels + c) * s.length;
      const T* taps = w + (o * s.in_channels + c) * s.taps;
      for (Index j = 0; j < s.taps; ++j) {
        const Index from = t - (s.taps - 1 - j) * s.dilation;
        if (from >= 0) total += taps[j] * row[from];
      }
    }
    y[i] = total;
  }
};
template <class T>
struct Conv1dDataAdjoint {
  const T *y, *w;
  T* x;
  Conv1dShape s;
  STILLPOINT_HD void operator()(Index i) const {
    const Index t = i % s.length, c = i / s.length % s.in_channels, n = i / (s.length * s.in_channels);
    T total = T(0);
    for (Index o = 0; o < s.out_channels; ++o) {
      const T* row = y + (n * s.out_channels + o) * s.length;
      const T* taps = w + (o * s.in_channels + c) * s.taps;
      for (Index j = 0; j < s.taps; ++j) {
        const Index to = t + (s.taps - 1 - j) * s.dilation;
        if (to < s.length) total += taps[j] * row[to];
      }
    }
    x[i] = total;
  }
};
template <class T>
struct Conv1dWeightAdjoint {
  const T *y, *x;
  T* w;
  Conv1dShape s;
  template <class Team>
  STILLPOINT_HD void operator()(Index i, Team team) const {
    const Index j = i % s.taps, c = i / s.taps % s.in_channels, o = i / (s.taps * s.in_channels);
    const Index reach = (s.taps - 1 - j) * s.dilation, terms = maximum<Index>(s.length - reach, 0);
    const T* const rows_y = y;
    const T* const rows_x = x;
    const Conv1dShape shape = s;
    const T total = team.template sum<T>(shape.batch * terms, [=](Index k) {
      const Index n = k / terms,
                  t = k - n * terms;  // NOLINT(clang-analyzer-core.DivideZero): k < batch * terms
      return rows_y[(n * shape.out_channels + o) * shape.length + reach + t] *
             rows_x[(n * shape.in_channels + c) * shape.length + t];
    });
    if (team.leader()) w[i] = total;
  }
};

}  // namespace

void conv1d(const Conv1dShape& s, const Array& x, const Array& w, const Array& y) {
  dispatch_real(y.dtype, "conv1d", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, Conv1d<T>{x.as<T>(), w.as<T>(), y.as<T>(), s});
  });
}

void conv1d_data_adjoint(const Conv1dShape& s, const Array& y, const Array& w, const Array& x) {
  dispatch_real(x.dtype, "conv1d_data_adjoint", [&](auto zero) {
    using T = decltype(zero);
    each(x.device, x.size, Conv1dDataAdjoint<T>{y.as<T>(), w.as<T>(), x.as<T>(), s});
  });
}

void conv1d_weight_adjoint(const Conv1dShape& s, const Array& y, const Array& x, const Array& w) {
  dispatch_real(w.dtype, "conv1d_weight_adjoint", [&](auto zero) {
    using T = decltype(zero);
    each_row(w.device, w.size, s.batch * s.length,
             Conv1dWeightAdjoint<T>{y.as<T>(), x.as<T>(), w.as<T>(), s});
  });
}

}  // namespace stillpoint::kernels

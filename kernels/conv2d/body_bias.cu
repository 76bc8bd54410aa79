// Bodies of a convolution's bias: it is added to each plane, and its gradient is summed over planes in order.
#include "kernels/conv2d/conv2d_bias.h"

#include "kernels/conv2d/conv2d_cpu.h"
#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

template <class T>
struct AddBias {
  const T* b;
  T* y;
  Index channels, places;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T bias = b[r % channels];
    T* const out = y + r * places;
    team.each(places, [=](Index i) { out[i] += bias; });
  }
};

template <class T>
struct PlaneSum {
  const T* y;
  T* sums;
  Index places;
  template <class Team>
  STILLPOINT_HD void operator()(Index r, Team team) const {
    const T* const in = y + r * places;
    const T total = team.template sum<T>(places, [=](Index i) { return in[i]; });
    if (team.leader()) sums[r] = total;
  }
};

template <class T>
struct SumOfPlanes {
  const T* sums;
  T* b;
  Index batch, channels;
  template <class Team>
  STILLPOINT_HD void operator()(Index c, Team team) const {
    const T* const in = sums + c;
    const Index stride = channels;
    const T total = team.template sum<T>(batch, [=](Index n) { return in[n * stride]; });
    if (team.leader()) b[c] = total;
  }
};

}  // namespace

void conv2d_bias(const Conv2dShape& s, const Array& x, const Array& w, const Array& b, const Array& y) {
  if (y.device == Device::cpu) return conv2d_cpu(s, x, w, b, y);
  conv2d(s, x, w, y);
  dispatch_real(y.dtype, "conv2d", [&](auto zero) {
    using T = decltype(zero);
    const Index places = s.out_height() * s.out_width();
    each_row(y.device, s.batch * s.out_channels, places,
             AddBias<T>{b.as<T>(), y.as<T>(), s.out_channels, places});
  });
}

void conv2d_bias_adjoint(const Conv2dShape& s, const Array& y, const Array& x, const Array& w,
                         const Array& b) {
  if (w.device == Device::cpu) return conv2d_weight_adjoint_cpu(s, y, x, w, b);
  conv2d_weight_adjoint(s, y, x, w);
  dispatch_real(w.dtype, "conv2d", [&](auto zero) {
    using T = decltype(zero);
    const Index places = s.out_height() * s.out_width(), planes = s.batch * s.out_channels;
    const Buffer partial(y.device, std::size_t(planes) * sizeof(T));
    T* const sums = static_cast<T*>(partial.data());
    each_row(y.device, planes, places, PlaneSum<T>{y.as<T>(), sums, places});
    each_row(y.device, s.out_channels, s.batch, SumOfPlanes<T>{sums, b.as<T>(), s.batch, s.out_channels});
  });
}

}  // namespace stillpoint::kernels

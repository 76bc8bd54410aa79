// Bodies of the two-dimensional convolution family for any size, kernel, stride and border: the reference of
// faster paths.
#include "kernels/conv2d/conv2d.h"

#include "kernels/conv2d/conv2d_cpu.h"
#include "kernels/device/library_plans.h"
#include "kernels/launch/launch.h"
#if STILLPOINT_CUDNN
#include "kernels/conv2d/conv2d_cudnn.h"
#endif

namespace stillpoint::kernels {
namespace {

// Returns the place in 0..size-1 that tap `a` of output `p` reads along one axis, or -1 if it is outside.
STILLPOINT_HD Index place_of(Index p, Index a, const Conv2dShape& s, Index size) {
  const Index i = s.stride * p + a - s.padding;
  if (i >= 0 && i < size) return i;
  return s.circular ? (i % size + size) % size : -1;
}

template <class T>
struct Conv2d {
  const T *x, *w;
  T* y;
  Conv2dShape s;
  STILLPOINT_HD void operator()(Index at) const {
    const Index columns = s.out_width(), rows = s.out_height();
    const Index q = at % columns, p = at / columns % rows, o = at / (columns * rows) % s.out_channels;
    const Index n = at / (columns * rows * s.out_channels);
    T total = T(0);
    for (Index c = 0; c < s.in_channels; ++c) {
      const T* const image = x + (n * s.in_channels + c) * s.height * s.width;
      const T* const taps = w + (o * s.in_channels + c) * s.kernel_height * s.kernel_width;
      for (Index a = 0; a < s.kernel_height; ++a) {
        const Index i = place_of(p, a, s, s.height);
        for (Index b = 0; b < s.kernel_width && i >= 0; ++b) {
          const Index j = place_of(q, b, s, s.width);
          if (j >= 0) total += taps[a * s.kernel_width + b] * image[i * s.width + j];
        }
      }
    }
    y[at] = total;
  }
};

// Returns the output that reads place i by tap a, or -1: the inverse of place_of.
STILLPOINT_HD Index reader_of(Index i, Index a, const Conv2dShape& s, Index size, Index outputs) {
  Index from = i + s.padding - a;
  if (s.circular) from = (from % size + size) % size;
  if (from < 0 || from % s.stride != 0 || from / s.stride >= outputs) return -1;
  return from / s.stride;
}

template <class T>
struct Conv2dDataAdjoint {
  const T *y, *w;
  T* x;
  Conv2dShape s;
  STILLPOINT_HD void operator()(Index at) const {
    const Index columns = s.out_width(), rows = s.out_height();
    const Index j = at % s.width, i = at / s.width % s.height, c = at / (s.width * s.height) % s.in_channels;
    const Index n = at / (s.width * s.height * s.in_channels);
    T total = T(0);
    for (Index o = 0; o < s.out_channels; ++o) {
      const T* const image = y + (n * s.out_channels + o) * rows * columns;
      const T* const taps = w + (o * s.in_channels + c) * s.kernel_height * s.kernel_width;
      for (Index a = 0; a < s.kernel_height; ++a) {
        const Index p = reader_of(i, a, s, s.height, rows);
        for (Index b = 0; b < s.kernel_width && p >= 0; ++b) {
          const Index q = reader_of(j, b, s, s.width, columns);
          if (q >= 0) total += taps[a * s.kernel_width + b] * image[p * columns + q];
        }
      }
    }
    x[at] = total;
  }
};

template <class T>
struct Conv2dWeightAdjoint {
  const T *y, *x;
  T* w;
  Conv2dShape s;
  template <class Team>
  STILLPOINT_HD void operator()(Index at, Team team) const {
    const Conv2dShape shape = s;
    const Index b = at % s.kernel_width, a = at / s.kernel_width % s.kernel_height;
    const Index c = at / (s.kernel_width * s.kernel_height) % s.in_channels;
    const Index o = at / (s.kernel_width * s.kernel_height * s.in_channels);
    const Index columns = s.out_width(), size = columns * s.out_height();
    const T* const of_y = y + o * size;
    const T* const of_x = x + c * s.height * s.width;
    const T total = team.template sum<T>(s.batch * size, [=](Index k) {
      const Index n = k / size, p = k % size / columns, q = k % columns;
      const Index i = place_of(p, a, shape, shape.height), j = place_of(q, b, shape, shape.width);
      if (i < 0 || j < 0) return T(0);
      return of_y[n * shape.out_channels * size + p * columns + q] *
             of_x[(n * shape.in_channels * shape.height + i) * shape.width + j];
    });
    if (team.leader()) w[at] = total;
  }
};

// Lists the plain kernel as the plan of a pass on CUDA; called if cuDNN is not built in or refuses.
void keep_plain(const char* pass, const Conv2dShape& s) {
  LibraryPlan plan;
  plan.library = "plain kernel";
  plan.work = describe_conv2d(pass, s);
  plan.found = true;
  keep_plan(plan);
}

}  // namespace

std::string describe_conv2d(const char* pass, const Conv2dShape& s) {
  return text("convolution ", pass, " (", s.batch, ",", s.in_channels, ",", s.height, ",", s.width, ") by (",
              s.out_channels, ",", s.in_channels, ",", s.kernel_height, ",", s.kernel_width, "), stride ",
              s.stride, ", padding ", s.padding, s.circular ? ", circular" : "");
}

void conv2d(const Conv2dShape& s, const Array& x, const Array& w, const Array& y) {
  if (y.device == Device::cpu) return conv2d_cpu(s, x, w, {}, y);
#if STILLPOINT_CUDNN
  if (conv2d_cuda(s, x, w, y)) return;
#endif
  keep_plain("forward", s);
  dispatch_real(y.dtype, "conv2d", [&](auto zero) {
    using T = decltype(zero);
    each(y.device, y.size, Conv2d<T>{x.as<T>(), w.as<T>(), y.as<T>(), s});
  });
}

void conv2d_data_adjoint(const Conv2dShape& s, const Array& y, const Array& w, const Array& x) {
  if (x.device == Device::cpu) return conv2d_data_adjoint_cpu(s, y, w, x);
#if STILLPOINT_CUDNN
  if (conv2d_data_adjoint_cuda(s, y, w, x)) return;
#endif
  keep_plain("data adjoint", s);
  dispatch_real(x.dtype, "conv2d_data_adjoint", [&](auto zero) {
    using T = decltype(zero);
    each(x.device, x.size, Conv2dDataAdjoint<T>{y.as<T>(), w.as<T>(), x.as<T>(), s});
  });
}

void conv2d_weight_adjoint(const Conv2dShape& s, const Array& y, const Array& x, const Array& w) {
  if (w.device == Device::cpu) return conv2d_weight_adjoint_cpu(s, y, x, w, {});
#if STILLPOINT_CUDNN
  if (conv2d_weight_adjoint_cuda(s, y, x, w)) return;
#endif
  keep_plain("weight adjoint", s);
  dispatch_real(w.dtype, "conv2d_weight_adjoint", [&](auto zero) {
    using T = decltype(zero);
    each_row(w.device, w.size, s.batch * s.out_height() * s.out_width(),
             Conv2dWeightAdjoint<T>{y.as<T>(), x.as<T>(), w.as<T>(), s});
  });
}

}  // namespace stillpoint::kernels

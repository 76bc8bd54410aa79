// The data adjoint of a convolution with any stride and border on the CPU: a correlation per phase of the
// bordered image, then its border folded back.
#include "kernels/conv2d/conv2d_cpu.h"

#include "kernels/conv2d/conv2d_correlation.h"

namespace stillpoint::kernels {
namespace {

using namespace conv2d_tile;

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// With i = i' - padding, place i' = phase + stride u of the bordered image is the sum over k of w[phase +
// stride k] y[u - k], along either axis. So its phases are correlations of y with every stride-th tap in
// reverse. The border around y has one more place than the largest k.
struct Phases {
  Conv2dShape s;
  Extent reach;

  explicit Phases(const Conv2dShape& shape)
      : s(shape), reach{ceil_div(s.kernel_height, s.stride), ceil_div(s.kernel_width, s.stride)} {}
  Index count() const { return s.stride * s.stride; }
  Extent out(Index phase) const {
    return {ceil_div(s.height + 2 * s.padding - phase / s.stride, s.stride),
            ceil_div(s.width + 2 * s.padding - phase % s.stride, s.stride)};
  }
  template <class T>
  BorderedImage<T> image() const {
    return {s.out_channels, {s.out_height(), s.out_width()}, reach, false, 1, out(0).width};
  }
};

// Packs the taps of one phase into memory that is large enough for any phase.
template <class T>
Correlation<T> correlation(const Phases& k, Index phase, const T* w, Index* offsets, Index* places,
                           T* packed) {
  const Conv2dShape& s = k.s;
  const BorderedImage<T> image = k.image<T>();
  Index taps = 0;
  for (Index a = phase / s.stride; a < s.kernel_height; a += s.stride)
    for (Index b = phase % s.stride; b < s.kernel_width; b += s.stride, ++taps) {
      offsets[taps] = (k.reach.height - a / s.stride) * image.pitch + k.reach.width - b / s.stride;
      places[taps] = a * s.kernel_width + b;
    }
  const Index of_input = s.kernel_height * s.kernel_width;
  pack_weights(s.in_channels, s.out_channels, taps, w, of_input, s.in_channels * of_input, places, packed);
  return {image, s.in_channels, k.out(phase), taps, 1, offsets, packed, nullptr};
}

// Adds the rows of one phase of a channel to x, each place where it belongs.
template <class T>
void fold(const Phases& k, Index phase, const Correlation<T>& part, const T* rows, T* x) {
  const Conv2dShape& s = k.s;
  const auto place = [&](Index i, Index n) {
    if (i >= 0 && i < n) return i;
    return s.circular ? (i % n + n) % n : Index(-1);
  };
  for (Index u = 0; u < part.out.height; ++u, rows += part.image.pitch) {
    const Index i = place(phase / s.stride + u * s.stride - s.padding, s.height);
    for (Index v = 0; v < part.out.width && i >= 0; ++v)
      if (const Index j = place(phase % s.stride + v * s.stride - s.padding, s.width); j >= 0)
        x[i * s.width + j] += rows[v];
  }
}

}  // namespace

template <class T>
void data_adjoint_by_phases(const Conv2dShape& s, const T* y, const T* w, T* x) {
  const Phases k(s);
  const Index taps = k.reach.height * k.reach.width, weights = s.in_channels * s.out_channels * taps;
  const Index plane = s.height * s.width, size = s.out_channels * s.out_height() * s.out_width();
  const Buffer table(Device::cpu, std::size_t(2 * taps) * sizeof(Index)),
      packed(Device::cpu, std::size_t(weights) * sizeof(T));
  Index* const offsets = static_cast<Index*>(table.data());
  std::fill_n(x, s.batch * s.in_channels * plane, T(0));
  for (Index phase = 0; phase < k.count(); ++phase) {
    const Correlation<T> part =
        correlation(k, phase, w, offsets, offsets + taps, static_cast<T*>(packed.data()));
    if (part.taps == 0 || part.out.height == 0 || part.out.width == 0) continue;
    share_images<T>(
        s.batch, part.products(), part.image.elements() + part.buffer_elements(),
        [&](T* own) { part.image.clear(own); },
        [&](Index n, Index piece, Index pieces, T* own) {
          part.image.fill(y + n * size, own);
          correlate_image(part, own, own + part.image.elements(), piece, pieces, [&](Index c, const T* rows) {
            fold(k, phase, part, rows, x + (n * s.in_channels + c) * plane);
          });
        });
  }
}

template void data_adjoint_by_phases<float>(const Conv2dShape&, const float*, const float*, float*);
template void data_adjoint_by_phases<double>(const Conv2dShape&, const double*, const double*, double*);

}  // namespace stillpoint::kernels

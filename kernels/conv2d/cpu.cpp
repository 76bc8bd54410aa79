// Two-dimensional convolution on the CPU, and its data adjoint if that is again a convolution of stride 1.
#include "kernels/conv2d/conv2d_cpu.h"

#include "kernels/conv2d/conv2d_correlation.h"

namespace stillpoint::kernels {
namespace {

using namespace conv2d_tile;

// Packed weights, and for each tap the offset that it reads at and the place of its weight.
template <class T>
struct Taps {
  Index count;
  Buffer memory;
  Index *offsets, *places;
  T* packed;

  Taps(const Conv2dShape& s)
      : count(s.kernel_height * s.kernel_width),
        memory(Device::cpu, std::size_t(2 * count) * sizeof(Index) +
                                std::size_t(s.out_channels * s.in_channels * count) * sizeof(T)),
        offsets(static_cast<Index*>(memory.data())),
        places(offsets + count),
        packed(reinterpret_cast<T*>(places + count)) {}
};

// Makes the correlation of one image with the taps in order, or in reverse.
template <class T>
Correlation<T> correlation(const Conv2dShape& s, const BorderedImage<T>& image, bool reverse, const T* w,
                           const T* bias, const Taps<T>& taps) {
  for (Index tap = 0; tap < taps.count; ++tap) {
    taps.offsets[tap] = image.place_of(tap / s.kernel_width, tap % s.kernel_width);
    taps.places[tap] = reverse ? taps.count - 1 - tap : tap;
  }
  const Index of_input = taps.count, of_output = s.in_channels * taps.count;
  const Index outputs = reverse ? s.in_channels : s.out_channels;
  pack_weights(outputs, image.channels, taps.count, w, reverse ? of_input : of_output,
               reverse ? of_output : of_input, taps.places, taps.packed);
  const Extent out = reverse ? Extent{s.height, s.width} : Extent{s.out_height(), s.out_width()};
  const Index run = s.kernel_width == 3 && image.step == 1 ? 3 : 1;
  return {image, outputs, out, taps.count, run, taps.offsets, taps.packed, bias};
}

template <class T>
void correlate(const Correlation<T>& k, Index batch, const T* x, T* y) {
  const Index size = k.image.channels * k.image.size.height * k.image.size.width,
              plane = k.out.height * k.out.width;
  share_images<T>(
      batch, k.products(), k.image.elements() + k.buffer_elements(), [&](T* own) { k.image.clear(own); },
      [&](Index n, Index part, Index parts, T* own) {
        k.image.fill(x + n * size, own);
        T* const to = y + n * k.outputs * plane;
        correlate_image(k, own, own + k.image.elements(), part, parts, [&](Index o, const T* row) {
          for (Index p = 0; p < k.out.height; ++p)
            copy_row(row + p * k.image.pitch, k.out.width, to + o * plane + p * k.out.width);
        });
      });
}

template <class T>
void forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y) {
  const Taps<T> taps(s);
  const BorderedImage<T> image(s.in_channels, {s.height, s.width}, {s.padding, s.padding}, s.circular,
                               s.stride, s.out_width());
  correlate(correlation(s, image, false, w, bias, taps), s.batch, x, y);
}

// Computes the data adjoint as a convolution of y, whose border is what the kernel's size leaves beside the
// padding.
template <class T>
void reversed(const Conv2dShape& s, const T* y, const T* w, T* x) {
  const Taps<T> taps(s);
  const BorderedImage<T> image(s.out_channels, {s.out_height(), s.out_width()},
                               {s.kernel_height - 1 - s.padding, s.kernel_width - 1 - s.padding}, s.circular,
                               1, s.width);
  correlate(correlation<T>(s, image, true, w, nullptr, taps), s.batch, y, x);
}

bool adjoint_is_correlation(const Conv2dShape& s) {
  if (s.stride != 1) return false;
  if (s.circular) return s.out_height() == s.height && s.out_width() == s.width;
  return s.padding < s.kernel_height && s.padding < s.kernel_width;
}

}  // namespace

void conv2d_cpu(const Conv2dShape& s, const Array& x, const Array& w, const Array& bias, const Array& y) {
  if (y.size == 0) return;
  if (conv2d_by_amx(s, y.dtype))
    return conv2d_amx(s, x.as<float>(), w.as<float>(), bias.data != nullptr ? bias.as<float>() : nullptr,
                      y.as<float>());
  if (conv2d_in_bf16(s, y.dtype))
    return conv2d_bf16(s, x.as<float>(), w.as<float>(), bias.data != nullptr ? bias.as<float>() : nullptr,
                       y.as<float>());
  if (conv2d_by_winograd(s, y.dtype))
    return conv2d_winograd(s, x.as<float>(), w.as<float>(), bias.data != nullptr ? bias.as<float>() : nullptr,
                           y.as<float>());
  dispatch_real(y.dtype, "conv2d", [&](auto zero) {
    using T = decltype(zero);
    forward<T>(s, x.as<T>(), w.as<T>(), bias.data != nullptr ? bias.as<T>() : nullptr, y.as<T>());
  });
}

void conv2d_data_adjoint_cpu(const Conv2dShape& s, const Array& y, const Array& w, const Array& x) {
  if (x.size == 0) return;
  if (conv2d_by_amx(s, x.dtype) && adjoint_is_correlation(s))
    return conv2d_data_adjoint_amx(s, y.as<float>(), w.as<float>(), x.as<float>());
  if (conv2d_in_bf16(s, x.dtype) && adjoint_is_correlation(s))
    return conv2d_data_adjoint_bf16(s, y.as<float>(), w.as<float>(), x.as<float>());
  if (conv2d_by_winograd(s, x.dtype))
    return conv2d_data_adjoint_winograd(s, y.as<float>(), w.as<float>(), x.as<float>());
  dispatch_real(x.dtype, "conv2d_data_adjoint", [&](auto zero) {
    using T = decltype(zero);
    if (adjoint_is_correlation(s)) return reversed<T>(s, y.as<T>(), w.as<T>(), x.as<T>());
    data_adjoint_by_phases<T>(s, y.as<T>(), w.as<T>(), x.as<T>());
  });
}

}  // namespace stillpoint::kernels

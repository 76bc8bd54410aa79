// Two-dimensional convolution and its data adjoint on the CPU: register tiles of output channels by runs of
// places.
#include "kernels/conv2d_cpu.h"

#include <omp.h>

#include "kernels/conv2d_tile.h"

namespace stillpoint::kernels {
namespace {

using namespace conv2d_tile;

constexpr Index serial_products =
    65536;  // multiply-adds under which a second thread costs more than it saves

// A correlation of stride 1 over one bordered image: y[o,p,q] = bias_o + sum w[o,c,a,b] image[c, p + a, q +
// b].
template <class T>
struct Correlation {
  BorderedImage<T> image;
  Index outputs, out_height, out_width, kernel_height, kernel_width;
  const T* w;     // packed: [block of outputs][channel][a][b][output of the block]
  const T* bias;  // may be null

  // Tiles start along rows, or along all rows and gaps as one run, whichever needs fewer of them.
  Index run() const { return (out_height - 1) * image.pitch + out_width; }
  Index tiles(Index length) const { return (length + tile::columns<T> - 1) / tile::columns<T>; }
  bool by_row() const { return out_height * tiles(out_width) <= tiles(run()); }
  Index buffer_stride() const { return spread<T>(run() + tile::columns<T>); }
  Index buffer_elements() const { return std::min<Index>(tile::rows, outputs) * buffer_stride(); }
  Index taps() const { return kernel_height * kernel_width; }
};

// acc[r] += w[r] x at one tap.
template <class T, int R>
[[gnu::always_inline]] inline void add_tap(const T* x, const T* w, Vector<T> (&acc)[R][2]) {
  const Vector<T> x0 = simd::load_kept(x), x1 = simd::load_kept(x + width<T>);
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r) {
    const Vector<T> s = simd::splat(w[r]);
    acc[r][0] += s * x0;
    acc[r][1] += s * x1;
  }
}

// acc[r] += sum over channels and taps of w[r] image[t + a pitch + b]; Columns is the kernel's width, or 0
// for any.
template <int Columns, class T, int R>
[[gnu::always_inline]] inline void accumulate(const Correlation<T>& k, const T* x, const T* w,
                                              Vector<T> (&acc)[R][2]) {
  const Index pitch = k.image.pitch, stride = k.image.stride, rows = k.kernel_height,
              columns = k.kernel_width;
  for (Index c = 0; c < k.image.channels; ++c, x += stride) {
    const T* row = x;
    for (Index a = 0; a < rows; ++a, row += pitch) {
      if constexpr (Columns > 0) {
#pragma GCC unroll 3
        for (int b = 0; b < Columns; ++b) add_tap(row + b, w + b * R, acc);
        w += Columns * R;
      } else {
        for (Index b = 0; b < columns; ++b, w += R) add_tap(row + b, w, acc);
      }
    }
  }
}

// Output channels [first, first + R) into rows of `buffer`, then without the gaps into y (outputs,Ho,Wo).
template <int Columns, class T, int R>
void correlate_block(const Correlation<T>& k, const T* image, Index first, T* buffer, T* y) {
  const T* const w = k.w + first * k.image.channels * k.taps();
  const bool by_row = k.by_row();
  const Index rows = by_row ? k.out_height : 1, length = by_row ? k.out_width : k.run();
  const Index stride = k.buffer_stride(), pitch = k.image.pitch;
  for (Index p = 0; p < rows; ++p)
    for (Index q = 0; q < length; q += tile::columns<T>) {
      const Index t = p * pitch + q;
      Vector<T> acc[R][2];
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r)
        acc[r][0] = acc[r][1] = k.bias != nullptr ? simd::splat(k.bias[first + r]) : Vector<T>{};
      accumulate<Columns>(k, image + t, w, acc);
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) {
        simd::store(buffer + r * stride + t, acc[r][0]);
        simd::store(buffer + r * stride + t + width<T>, acc[r][1]);
      }
    }
  for (int r = 0; r < R; ++r) {
    T* const to = y + (first + r) * k.out_height * k.out_width;
    for (Index p = 0; p < k.out_height; ++p)
      copy_row(buffer + r * stride + p * pitch, k.out_width, to + p * k.out_width);
  }
}

// w[o,c,a,b] of element (o,c) at o out_stride + c in_stride + its tap, with the taps in reverse for an
// adjoint, packed for Correlation.
template <class T>
void pack_weights(const Correlation<T>& k, const T* w, Index out_stride, Index in_stride, bool reverse,
                  T* packed) {
  const Index taps = k.taps();
  tile::for_row_blocks(k.outputs, [&](auto count, Index first) {
    constexpr int R = count;
    T* to = packed + first * k.image.channels * taps;
    for (Index c = 0; c < k.image.channels; ++c)
      for (Index t = 0; t < taps; ++t, to += R)
        for (int r = 0; r < R; ++r)
          to[r] = w[(first + r) * out_stride + c * in_stride + (reverse ? taps - 1 - t : t)];
  });
}

template <class T>
void correlate_image(const Correlation<T>& k, const T* image, T* buffer, T* y, Index part, Index parts) {
  Index block = 0;
  tile::for_row_blocks(k.outputs, [&](auto count, Index first) {
    if (block++ % parts != part) return;
    if (k.kernel_width == 3)
      correlate_block<3, T, count>(k, image, first, buffer, y);
    else
      correlate_block<0, T, count>(k, image, first, buffer, y);
  });
}

// Every image by itself, and parts of its output channels where there are more threads than images.
template <class T>
void correlate(const Correlation<T>& k, Index batch, const T* x, T* y) {
  const Index size = k.outputs * k.out_height * k.out_width;
  const bool threaded = batch * size * k.image.channels * k.taps() >= serial_products;
  const Index threads = threaded ? omp_get_max_threads() : 1, parts = (threads + batch - 1) / batch;
  const Index slice = k.image.elements() + k.buffer_elements();
  const Buffer memory(Device::cpu, std::size_t(threads * slice) * sizeof(T));
#pragma omp parallel num_threads(int(threads)) if (threaded)
  {
    T* const image = static_cast<T*>(memory.data()) + omp_get_thread_num() * slice;
    k.image.clear(image);
#pragma omp for schedule(dynamic)
    for (Index unit = 0; unit < batch * parts; ++unit) {
      const Index n = unit / parts;
      k.image.fill(x + n * k.image.channels * k.image.size.height * k.image.size.width, image);
      correlate_image(k, image, image + k.image.elements(), y + n * size, unit % parts, parts);
    }
  }
}

template <class T>
bool forward(const Conv2dShape& s, const T* x, const T* w, const T* bias, T* y) {
  const Index taps = s.kernel_height * s.kernel_width;
  const Buffer memory(Device::cpu, std::size_t(s.out_channels * s.in_channels * taps) * sizeof(T));
  T* const packed = static_cast<T*>(memory.data());
  const Correlation<T> k{
      {s.in_channels, {s.height, s.width}, {s.padding, s.padding}, s.circular, s.out_width()},
      s.out_channels,
      s.out_height(),
      s.out_width(),
      s.kernel_height,
      s.kernel_width,
      packed,
      bias};
  if (!k.image.possible()) return false;
  pack_weights(k, w, s.in_channels * taps, taps, false, packed);
  correlate(k, s.batch, x, y);
  return true;
}

// A correlation of y with the taps in reverse, inside a border of what is left of the kernel.
template <class T>
bool data_adjoint(const Conv2dShape& s, const T* y, const T* w, T* x) {
  const Index taps = s.kernel_height * s.kernel_width;
  const Extent border{s.kernel_height - 1 - s.padding, s.kernel_width - 1 - s.padding};
  const Buffer memory(Device::cpu, std::size_t(s.out_channels * s.in_channels * taps) * sizeof(T));
  T* const packed = static_cast<T*>(memory.data());
  const Correlation<T> k{{s.out_channels, {s.out_height(), s.out_width()}, border, s.circular, s.width},
                         s.in_channels,
                         s.height,
                         s.width,
                         s.kernel_height,
                         s.kernel_width,
                         packed,
                         nullptr};
  if (!k.image.possible()) return false;
  pack_weights(k, w, taps, s.in_channels * taps, true, packed);
  correlate(k, s.batch, y, x);
  return true;
}

bool adjoint_is_correlation(const Conv2dShape& s) {
  if (s.circular) return s.out_height() == s.height && s.out_width() == s.width;
  return s.padding < s.kernel_height && s.padding < s.kernel_width;
}

}  // namespace

bool conv2d_cpu(const Conv2dShape& s, const Array& x, const Array& w, const Array& bias, const Array& y) {
  if (s.stride != 1) return false;
  if (y.size == 0) return true;
  return dispatch_real(y.dtype, "conv2d", [&](auto zero) {
    using T = decltype(zero);
    return forward<T>(s, x.as<T>(), w.as<T>(), bias.data != nullptr ? bias.as<T>() : nullptr, y.as<T>());
  });
}

bool conv2d_data_adjoint_cpu(const Conv2dShape& s, const Array& y, const Array& w, const Array& x) {
  if (s.stride != 1 || !adjoint_is_correlation(s)) return false;
  if (x.size == 0) return true;
  return dispatch_real(x.dtype, "conv2d_data_adjoint", [&](auto zero) {
    using T = decltype(zero);
    return data_adjoint<T>(s, y.as<T>(), w.as<T>(), x.as<T>());
  });
}

}  // namespace stillpoint::kernels

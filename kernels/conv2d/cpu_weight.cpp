// The weight adjoint of a two-dimensional convolution on the CPU: products of places summed in registers,
// groups of images summed in order.
#include "kernels/conv2d/conv2d_cpu.h"
#include "kernels/conv2d/conv2d_tile.h"
#include "kernels/host/pool.h"

namespace stillpoint::kernels {
namespace {

using namespace conv2d_tile;

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int tile_outputs = 8;
#else
constexpr int tile_outputs = 4;
#endif
constexpr int tile_taps = 3;

// dw[o,c,a,b] = sum over images and places t of y[o,t] x[c, t + a pitch + b]. Each group of neighbouring
// images has its own sums, and is processed in sets of images that stay in cache. The number of groups and
// sets depends only on the shape, so that no result depends on the number of threads.
template <class T>
struct WeightAdjoint {
  static constexpr Index most_groups = 64, most_elements = Index(1) << 22, long_enough = 1024;
  Conv2dShape s;
  BorderedImage<T> image;
  Index length, y_stride;           // places with gaps, and elements of a channel of y in cache
  Index set, group_images, groups;  // images
  const Index* offsets = nullptr;   // in x, per element of a row of dw; set by fill_offsets
  Index size;                       // elements of a group's sums: dw (Co,Ci,Kh,Kw), dbias (Co)

  explicit WeightAdjoint(const Conv2dShape& shape)
      : s(shape),
        image(s.in_channels, {s.height, s.width}, {s.padding, s.padding}, s.circular, s.stride,
              s.out_width()),
        length((s.out_height() - 1) * image.pitch + s.out_width()),
        y_stride(spread<T>(length + width<T>)) {
    size = s.out_channels * (s.in_channels * s.kernel_height * s.kernel_width + 1);
    set = std::clamp<Index>(long_enough / length, 1, 8);
    const Index allowed = std::clamp<Index>(most_elements / size, 1, most_groups);
    const Index sets = (s.batch + set - 1) / set;
    group_images = (sets + allowed - 1) / allowed * set;
    groups = (s.batch + group_images - 1) / group_images;
  }
  void fill_offsets(Index* table) {
    for (Index c = 0, at = 0; c < s.in_channels; ++c)
      for (Index a = 0; a < s.kernel_height; ++a)
        for (Index b = 0; b < s.kernel_width; ++b) table[at++] = c * image.stride + image.place_of(a, b);
    offsets = table;
  }
  Index slice() const { return set * (image.elements() + s.out_channels * y_stride); }
};

// Copies y (Co,Ho,Wo) with x's pitch, and adds each channel's sum to dbias.
template <class T>
void fill_outputs(const WeightAdjoint<T>& k, const T* y, T* memory, T* dbias) {
  const Index rows = k.s.out_height(), columns = k.s.out_width();
  for (Index o = 0; o < k.s.out_channels; ++o, y += rows * columns) {
    T* const to = memory + o * k.y_stride;
    for (Index p = 0; p < rows; ++p) copy_row(y + p * columns, columns, to + p * k.image.pitch);
    dbias[o] += sum_row(y, rows * columns);
  }
}

// to[o][tap] += sum over the set's images and places of y[o,t] x[t + offset_tap].
template <class T, int O, int Taps>
void correlate_tile(const WeightAdjoint<T>& k, Index images, const T* x, const T* y, const Index* offsets,
                    T* to) {
  Vector<T> acc[O][Taps] = {};
  for (Index n = 0; n < images; ++n, x += k.image.elements(), y += k.s.out_channels * k.y_stride) {
    const T* from[Taps];
    for (int i = 0; i < Taps; ++i) from[i] = x + offsets[i];
    for (Index t = 0; t < k.length; t += width<T>) {
      Vector<T> xs[Taps];
#pragma GCC unroll 3
      for (int i = 0; i < Taps; ++i) xs[i] = simd::load_kept(from[i] + t);
#pragma GCC unroll 8
      for (int o = 0; o < O; ++o) {
        const Vector<T> yo = simd::load_kept(y + o * k.y_stride + t);
#pragma GCC unroll 3
        for (int i = 0; i < Taps; ++i) acc[o][i] += yo * xs[i];
      }
    }
  }
  const Index row = k.s.in_channels * k.s.kernel_height * k.s.kernel_width;
#pragma GCC unroll 8
  for (int o = 0; o < O; ++o)
#pragma GCC unroll 3
    for (int i = 0; i < Taps; ++i) to[o * row + i] += simd::sum<T>(acc[o][i]);
}

template <class T>
void correlate_set(const WeightAdjoint<T>& k, Index images, const T* x, const T* y, T* dw) {
  const Index taps = k.s.kernel_height * k.s.kernel_width, row = k.s.in_channels * taps;
  const Index blocks = (k.s.out_channels + tile_outputs - 1) / tile_outputs;
  Index o = 0;
  for (Index left = blocks; left > 0; --left) {
    const Index count = (k.s.out_channels - o + left - 1) / left;
    for (Index first = 0; first < row; first += tile_taps) {
      const Index some = std::min<Index>(tile_taps, row - first);
      tile::with_count<tile_outputs>(count, [&](auto outputs) {
        tile::with_count<tile_taps>(some, [&](auto width_of_tile) {
          correlate_tile<T, outputs, width_of_tile>(k, images, x, y + o * k.y_stride, k.offsets + first,
                                                    dw + o * row + first);
        });
      });
    }
    o += count;
  }
}

template <class T>
void correlate_group(const WeightAdjoint<T>& k, Index group, const T* x, const T* y, T* slice, T* sums) {
  T *const images = slice, *const outputs = slice + k.set * k.image.elements();
  const Index of_x = k.s.in_channels * k.s.height * k.s.width,
              of_y = k.s.out_channels * k.s.out_height() * k.s.out_width();
  T* const dbias = sums + k.size - k.s.out_channels;
  std::fill_n(sums, k.size, T(0));
  const Index end = std::min(k.s.batch, (group + 1) * k.group_images);
  for (Index n = group * k.group_images; n < end; n += k.set) {
    const Index count = std::min(k.set, end - n);
    for (Index i = 0; i < count; ++i) {
      k.image.fill(x + (n + i) * of_x, images + i * k.image.elements());
      fill_outputs(k, y + (n + i) * of_y, outputs + i * k.s.out_channels * k.y_stride, dbias);
    }
    correlate_set(k, count, images, outputs, sums);
  }
}

// Writes elements [0, n) of the sum over groups, in order, to `to`.
template <class T>
void add_groups(const WeightAdjoint<T>& k, const T* sums, Index n, T* to) {
  std::fill_n(to, n, T(0));
  for (Index g = 0; g < k.groups; ++g)
#pragma GCC ivdep
    for (Index i = 0; i < n; ++i) to[i] += sums[g * k.size + i];
}

template <class T>
void weight_adjoint(const Conv2dShape& s, const T* y, const T* x, T* w, T* dbias) {
  if (s.batch * s.out_channels == 0) {
    std::fill_n(w, s.out_channels * s.in_channels * s.kernel_height * s.kernel_width, T(0));
    if (dbias != nullptr) std::fill_n(dbias, s.out_channels, T(0));
    return;
  }
  WeightAdjoint<T> k(s);
  const Buffer table(Device::cpu,
                     std::size_t(s.in_channels * s.kernel_height * s.kernel_width) * sizeof(Index));
  k.fill_offsets(static_cast<Index*>(table.data()));
  const int slots = slots_for(k.groups);
  const Index slice = k.slice();
  const Buffer memory(Device::cpu, std::size_t(slots * slice + k.groups * k.size) * sizeof(T));
  T* const slices = static_cast<T*>(memory.data());
  T* const sums = slices + slots * slice;
  std::fill_n(slices, slots * slice, T(0));
  parallel(k.groups, slots, [&](Index group, int slot) {
    correlate_group(k, group, x, y, slices + slot * slice, sums + group * k.size);
  });
  const Index weights = k.size - s.out_channels;
  add_groups(k, sums, weights, w);
  if (dbias != nullptr) add_groups(k, sums + weights, s.out_channels, dbias);
}

}  // namespace

void conv2d_weight_adjoint_cpu(const Conv2dShape& s, const Array& y, const Array& x, const Array& w,
                               const Array& dbias) {
  if (conv2d_by_amx(s, w.dtype))
    return conv2d_weight_adjoint_amx(s, y.as<float>(), x.as<float>(), w.as<float>(),
                                     dbias.data != nullptr ? dbias.as<float>() : nullptr);
  if (conv2d_in_bf16(s, w.dtype))
    return conv2d_weight_adjoint_bf16(s, y.as<float>(), x.as<float>(), w.as<float>(),
                                      dbias.data != nullptr ? dbias.as<float>() : nullptr);
  dispatch_real(w.dtype, "conv2d_weight_adjoint", [&](auto zero) {
    using T = decltype(zero);
    weight_adjoint<T>(s, y.as<T>(), x.as<T>(), w.as<T>(), dbias.data != nullptr ? dbias.as<T>() : nullptr);
  });
}

}  // namespace stillpoint::kernels

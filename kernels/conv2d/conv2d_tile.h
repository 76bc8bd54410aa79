// Images with their borders in cache, as the CPU's convolutions read them.
#pragma once
#include <algorithm>

#include "kernels/device/array.h"
#include "kernels/launch/register_tile.h"
#include "kernels/launch/simd_lanes.h"

namespace stillpoint::kernels::conv2d_tile {

using simd::Vector;
template <class T>
inline constexpr Index width = simd::width<T>;

// Returns the distance of neighbouring rows of `elements`: an odd number of whole cache lines, so that no two
// rows meet in one cache set.
template <class T>
constexpr Index spread(Index elements) {
  constexpr Index line = 64 / Index(sizeof(T));
  return ((elements + line - 1) / line | 1) * line;
}

template <class T>
inline void copy_row(const T* from, Index n, T* to) {
  for (Index i = 0; i < n; i += width<T>) simd::store_part(to + i, simd::load_part(from + i, n - i), n - i);
}

template <class T>
T sum_row(const T* x, Index n) {
  Vector<T> lanes[2] = {};
  Index i = 0;
  for (; i + 2 * width<T> <= n; i += 2 * width<T>) {
    lanes[0] += simd::load(x + i);
    lanes[1] += simd::load(x + i + width<T>);
  }
  T total = simd::sum<T>(lanes[0] + lanes[1]);
  for (; i < n; ++i) total += x[i];
  return total;
}

struct Extent {
  Index height, width;
};

// One image's channels with their border, for outputs at every `step`-th place. Place (i,j) of the bordered
// image is stored at place_of(i,j), in the plane of its remainders modulo the step. Then output (p,q) of tap
// (a,b) reads at p pitch + q + place_of(a,b), so that all rows of outputs are one run, with gaps that nobody
// reads. At step 1 the columns of a zero border serve as the right border of a row and as the left border of
// the next.
template <class T>
struct BorderedImage {
  Index channels;
  Extent size, padding;
  bool circular;
  Index step, pitch, plane, stride;

  BorderedImage(Index channel_count, Extent image, Extent border, bool wraps, Index output_step,
                Index out_width)
      : channels(channel_count), size(image), padding(border), circular(wraps), step(output_step) {
    const bool shared = !wraps && step == 1;
    const Index columns = image.width + (shared ? 1 : 2) * border.width;
    pitch = std::max((columns + step - 1) / step, out_width);
    plane = (image.height + 2 * border.height + step - 1) / step * pitch + border.width;
    stride = spread<T>(step * step * plane + 2 * tile::columns<T>);
  }
  Index elements() const { return channels * stride; }
  Index place_of(Index i, Index j) const {
    return (i % step * step + j % step) * plane + i / step * pitch + j / step;
  }

  // Sets to 0 what no image covers, once for all images that this memory takes.
  void clear(T* memory) const { std::fill_n(memory, elements(), T(0)); }
  // x (channels,H,W)
  void fill(const T* x, T* memory) const {
    const bool once_around = padding.height <= size.height && padding.width <= size.width;
    for (Index c = 0; c < channels; ++c, x += size.height * size.width, memory += stride) {
      if (step == 1 && (!circular || once_around))
        fill_rows(x, memory);
      else
        fill_places(x, memory);
    }
  }
  void fill_rows(const T* x, T* to) const {
    each_row(to, [&](Index i, T* row) { copy_row(x + i * size.width, size.width, row); });
  }
  // Calls fill(i, where it begins) for the rows of a channel at `to`, and repeats them in a circular border.
  template <class Fill>
  void each_row(T* to, Fill fill) const {
    T* const first = to + padding.height * pitch;
    for (Index i = 0; i < size.height; ++i) {
      T *const border = first + i * pitch, *const row = border + padding.width;
      fill(i, row);
      if (!circular) continue;
      copy_row(border + size.width, padding.width, border);
      copy_row(row, padding.width, row + size.width);
    }
    if (!circular) return;
    copy_row(first + (size.height - padding.height) * pitch, padding.height * pitch, to);
    copy_row(first, padding.height * pitch, first + size.height * pitch);
  }
  // Returns the place in 0..n-1 that i stands for, or -1 outside of a zero border.
  Index source(Index i, Index n) const {
    if (i >= 0 && i < n) return i;
    return circular ? (i % n + n) % n : -1;
  }
  void fill_places(const T* x, T* to) const {
    for (Index i = 0; i < size.height + 2 * padding.height; ++i) {
      const Index from = source(i - padding.height, size.height);
      for (Index b = 0; b < step && from >= 0; ++b) {
        T* row = to + place_of(i, b);
        for (Index j = b - padding.width; j < size.width + padding.width; j += step, ++row)
          if (const Index at = source(j, size.width); at >= 0) *row = x[from * size.width + at];
      }
    }
  }
};

}  // namespace stillpoint::kernels::conv2d_tile

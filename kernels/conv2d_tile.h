// Images with their borders in cache, which the CPU's convolutions read.
#pragma once
#include <algorithm>

#include "kernels/array.h"
#include "kernels/register_tile.h"

namespace stillpoint::kernels {
namespace conv2d_tile {

using simd::Vector;
template <class T>
inline constexpr Index width = simd::width<T>;

// Elements between neighbouring rows of so many: whole cache lines, and an odd number of them, so that no two
// rows meet in one cache set.
template <class T>
constexpr Index spread(Index elements) {
  constexpr Index line = 64 / Index(sizeof(T));
  return ((elements + line - 1) / line | 1) * line;
}

template <class T>
inline void copy_row(const T* from, Index n, T* to) {
  Index i = 0;
  for (; i + width<T> <= n; i += width<T>) simd::store(to + i, simd::load(from + i));
  for (; i < n; ++i) to[i] = from[i];
}

struct Extent {
  Index height, width;
};

// One image's channels with their border: place (i,j) of a channel stands at (i + padding) pitch + j +
// padding. A zero border shares its columns between the right of a row and the left of the next. Output (p,q)
// of tap (a,b) reads at p pitch + q + a pitch + b, so that all rows of outputs are one run, with gaps that
// nobody reads.
template <class T>
struct BorderedImage {
  Index channels;
  Extent size, padding;
  bool circular;
  Index pitch, stride;

  BorderedImage(Index channel_count, Extent image, Extent border, bool wraps, Index out_width)
      : channels(channel_count),
        size(image),
        padding(border),
        circular(wraps),
        pitch(std::max(image.width + (wraps ? 2 : 1) * border.width, out_width)),
        stride(spread<T>((image.height + 2 * border.height) * pitch + border.width + 2 * tile::columns<T>)) {}
  // Whether a circular border finds its places in the image once around it.
  bool possible() const {
    return !circular || (padding.height <= size.height && padding.width <= size.width);
  }
  Index elements() const { return channels * stride; }

  // What no image covers becomes 0, once for every image that this memory takes.
  void clear(T* memory) const { std::fill_n(memory, elements(), T(0)); }
  // x (channels,H,W)
  void fill(const T* x, T* memory) const {
    for (Index c = 0; c < channels; ++c) fill_channel(x + c * size.height * size.width, memory + c * stride);
  }
  void fill_channel(const T* x, T* to) const {
    const auto [height, width] = size;
    T* const first = to + padding.height * pitch;
    for (Index i = 0; i < height; ++i, x += width) {
      T* const row = first + i * pitch;
      copy_row(x, width, row + padding.width);
      if (!circular) continue;
      copy_row(x + width - padding.width, padding.width, row);
      copy_row(x, padding.width, row + padding.width + width);
    }
    if (!circular) return;
    copy_row(first + (height - padding.height) * pitch, padding.height * pitch, to);
    copy_row(first, padding.height * pitch, first + height * pitch);
  }
};

}  // namespace conv2d_tile
}  // namespace stillpoint::kernels

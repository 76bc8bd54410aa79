// Correlations over bordered images in register tiles of output channels by runs of places, which the
// convolutions and data adjoints on the CPU use.
#pragma once
#include "kernels/conv2d/conv2d_tile.h"
#include "kernels/host/pool.h"

namespace stillpoint::kernels::conv2d_tile {

// Multiply-adds under which a second thread costs more than it saves.
inline constexpr Index serial_products = 65536;

// y[o,p,q] = bias_o + sum over channels and taps of w[o,c,tap] image[c, p pitch + q + offset_tap].
template <class T>
struct Correlation {
  BorderedImage<T> image;
  Index outputs;
  Extent out;
  Index taps, run;       // taps come in runs of neighbours; each run has `run` = 1 or 3 taps
  const Index* offsets;  // per tap
  const T* w;            // [block of outputs][channel][tap][output of the block]
  const T* bias;         // may be null

  // Tiles start along rows, or along all rows and gaps as one run, whichever needs fewer of them.
  Index places() const { return (out.height - 1) * image.pitch + out.width; }
  static Index tiles(Index length) { return (length + tile::columns<T> - 1) / tile::columns<T>; }
  bool by_row() const { return out.height * tiles(out.width) <= tiles(places()); }
  Index buffer_stride() const { return spread<T>(places() + tile::columns<T>); }
  Index buffer_elements() const { return std::min<Index>(tile::rows, outputs) * buffer_stride(); }
  Index products() const { return outputs * out.height * out.width * image.channels * taps; }
};

// acc[r] += sum over channels and taps of w[r] x[offset_tap].
template <int run, class T, int R>
[[gnu::always_inline]] inline void accumulate(const Correlation<T>& k, const T* x, const T* w,
                                              Vector<T> (&acc)[R][2]) {
  const Index stride = k.image.stride, taps = k.taps;
  const Index* const offsets = k.offsets;
  for (Index c = 0; c < k.image.channels; ++c, x += stride)
    for (Index tap = 0; tap < taps; tap += run, w += run * R) {
      const T* const at = x + offsets[tap];
#pragma GCC unroll 3
      for (int l = 0; l < run; ++l) {
        const Vector<T> x0 = simd::load_kept(at + l), x1 = simd::load_kept(at + l + width<T>);
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
          const Vector<T> s = simd::splat(w[l * R + r]);
          acc[r][0] += s * x0;
          acc[r][1] += s * x1;
        }
      }
    }
}

// Writes output channels [first, first + R) to rows of `buffer`, including the gaps.
template <int run, class T, int R>
void correlate_block(const Correlation<T>& k, const T* image, Index first, T* buffer) {
  const T* const w = k.w + first * k.image.channels * k.taps;
  const bool by_row = k.by_row();
  const Index rows = by_row ? k.out.height : 1, length = by_row ? k.out.width : k.places();
  const Index stride = k.buffer_stride();
  for (Index p = 0; p < rows; ++p)
    for (Index q = 0; q < length; q += tile::columns<T>) {
      const Index t = p * k.image.pitch + q;
      Vector<T> acc[R][2];
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r)
        acc[r][0] = acc[r][1] = k.bias != nullptr ? simd::splat(k.bias[first + r]) : Vector<T>{};
      accumulate<run>(k, image + t, w, acc);
#pragma GCC unroll 12
      for (int r = 0; r < R; ++r) {
        simd::store(buffer + r * stride + t, acc[r][0]);
        simd::store(buffer + r * stride + t + width<T>, acc[r][1]);
      }
    }
}

// Calls finish(o, row of the buffer) for the output channels of every `parts`-th block, from block `part` on.
template <class T, class Finish>
void correlate_image(const Correlation<T>& k, const T* image, T* buffer, Index part, Index parts,
                     Finish finish) {
  Index block = 0;
  tile::for_row_blocks(k.outputs, [&](auto count, Index first) {
    if (block++ % parts != part) return;
    if (k.run == 3)
      correlate_block<3, T, count>(k, image, first, buffer);
    else
      correlate_block<1, T, count>(k, image, first, buffer);
    for (int r = 0; r < count; ++r) finish(first + r, buffer + r * k.buffer_stride());
  });
}

// packed = the weights of Correlation, with element (o,c,tap) at w + o out_stride + c in_stride + place[tap].
template <class T>
void pack_weights(Index outputs, Index channels, Index taps, const T* w, Index out_stride, Index in_stride,
                  const Index* place, T* packed) {
  tile::for_row_blocks(outputs, [&](auto count, Index first) {
    constexpr int R = count;
    T* to = packed + first * channels * taps;
    for (Index c = 0; c < channels; ++c)
      for (Index t = 0; t < taps; ++t, to += R)
        for (int r = 0; r < R; ++r) to[r] = w[(first + r) * out_stride + c * in_stride + place[t]];
  });
}

// Calls work(image n, part, parts, memory of `elements`) for every image, in parts if there are few images.
// `prepare` is called once for the memory of every slot.
template <class T, class Prepare, class Work>
void share_images(Index batch, Index products, Index elements, Prepare prepare, Work work) {
  const bool threaded = batch * products >= serial_products;
  const Index parts = threaded ? (thread_count() + batch - 1) / batch : 1;
  const int slots = slots_for(batch * parts, threaded);
  const Buffer memory(Device::cpu, std::size_t(slots * elements) * sizeof(T));
  T* const first = static_cast<T*>(memory.data());
  for (int slot = 0; slot < slots; ++slot) prepare(first + slot * elements);
  parallel(batch * parts, slots,
           [&](Index unit, int slot) { work(unit / parts, unit % parts, parts, first + slot * elements); });
}

}  // namespace stillpoint::kernels::conv2d_tile

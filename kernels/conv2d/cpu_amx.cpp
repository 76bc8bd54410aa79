// Convolution and its data adjoint by AMX: tiles of weights (outputs, pairs of channels) times tiles of an
// image (pairs of channels, places), tap by tap.
#include "kernels/conv2d/amx.h"
#include "kernels/conv2d/conv2d_cpu.h"
#include "kernels/conv2d/conv2d_tile.h"
#include "kernels/gemm/gemm_bf16.h"
#include "kernels/host/pool.h"

namespace stillpoint::kernels {

bool conv2d_by_amx(const Conv2dShape& s, DType dtype) {
  return conv2d_suits_bf16(s, dtype) && amx::available();
}

#if STILLPOINT_AMX
namespace {

using namespace conv2d_tile;
using amx::Pair;

constexpr Index tile_pairs = 16, tile_places = 16;

// y[o,p,q] = bias_o + the sum over channels and taps of w[o,c,tap] x[c, p pitch + q + offset_tap]. A step of
// the sum is a tile of `depth` planes, each with a pair of channels, at the offset of a tap. Pairs that are
// left when tiles are full are stored `shifts` times, once for each of so many taps, so that a tile holds
// these taps together.
struct AmxCorrelation {
  Index channels, outputs, taps, kernel_width;
  Extent out;
  Index full, left, shifts, depth;  // full tiles of pairs, and pairs beyond
  Index blocks, rows;               // blocks of `rows` outputs
  BorderedImage<Pair> image;        // its channels are planes

  AmxCorrelation(Index channel_count, Index output_count, Extent kernel, Extent size, Extent border,
                 bool wraps)
      : channels(channel_count),
        outputs(output_count),
        taps(kernel.height * kernel.width),
        kernel_width(kernel.width),
        out{size.height + 2 * border.height - kernel.height + 1,
            size.width + 2 * border.width - kernel.width + 1},
        full((channels + 1) / 2 / tile_pairs),
        left((channels + 1) / 2 % tile_pairs),
        shifts(left * taps <= tile_pairs           ? taps
               : left * kernel_width <= tile_pairs ? kernel_width
                                                   : 1),
        depth(full > 0 ? tile_pairs : left * shifts),
        blocks((outputs + 15) / 16),
        rows((outputs + blocks - 1) / blocks),
        image((full + (left > 0 ? 1 : 0)) * depth, size, border, wraps, 1, out.width) {}

  Index steps() const { return full * taps + (left > 0 ? taps / shifts : 0); }
  Index offset(Index tap) const { return image.place_of(tap / kernel_width, tap % kernel_width); }
  // The first plane and the first tap of a step.
  struct Step {
    Index plane, tap;
  };
  Step step(Index s) const {
    if (s < full * taps) return {s / taps * tile_pairs, s % taps};
    return {full * tile_pairs, (s - full * taps) * shifts};
  }
  // Copies of the pairs that are left follow one another, tap by tap.
  Index copies() const { return left * shifts; }

  Index tile_weights() const { return rows * depth; }
  Index weights() const { return steps() * blocks * tile_weights(); }
  Index places() const { return (out.height - 1) * image.pitch + out.width; }
  Index result_stride() const { return spread<float>(places() + tile_places); }
  Index results() const { return blocks * rows * result_stride(); }
};

// Returns w at (o,c,tap) as `w` says, or 0 outside.
struct Weights {
  const float* w;
  Index of_output, of_channel;
  bool reverse;
  Bf16 at(const AmxCorrelation& k, Index o, Index c, Index tap) const {
    if (o >= k.outputs || c >= k.channels) return 0;
    return to_bf16(w[o * of_output + c * of_channel + (reverse ? k.taps - 1 - tap : tap)]);
  }
};

// packed = [step][block of outputs][output of the block][plane of the step]
void pack(const AmxCorrelation& k, const Weights& w, Pair* packed) {
  for (Index s = 0; s < k.steps(); ++s) {
    const auto [plane, tap] = k.step(s);
    const bool whole = plane < k.full * tile_pairs;
    for (Index o = 0; o < k.blocks * k.rows; ++o)
      for (Index d = 0; d < k.depth; ++d) {
        const Index pair = plane + (whole ? d : d % k.left), at = tap + (whole ? 0 : d / k.left);
        *packed++ =
            whole || d < k.copies() ? w.at(k, o, 2 * pair, at) | Pair(w.at(k, o, 2 * pair + 1, at)) << 16 : 0;
      }
  }
}

// Fills the planes from x (channels,H,W).
void fill_planes(const AmxCorrelation& k, const float* x, Pair* planes) {
  const Index columns = k.image.size.width, area = k.image.size.height * columns, stride = k.image.stride;
  for (Index c = 0; c < k.channels; c += 2, x += 2 * area)
    k.image.each_row(planes + c / 2 * stride, [&](Index i, Pair* to) {
      const float* const low = x + i * columns;
      amx::round_pairs(low, c + 1 < k.channels ? low + area : nullptr, columns, to);
    });
  const Pair* const first = planes + k.full * tile_pairs * stride;
  for (Index copy = k.left; copy < k.copies(); ++copy) {
    const Index shift = k.offset(copy / k.left);
    std::copy_n(first + copy % k.left * stride + shift, stride - shift,
                planes + (k.full * tile_pairs + copy) * stride);
  }
}

// Computes all outputs, including the gaps between rows, for runs of 16 places.
void correlate_image(const AmxCorrelation& k, const Pair* planes, const Pair* weights, const Index* offsets,
                     float* results) {
  const auto tiles = [](Index length) { return (length + tile_places - 1) / tile_places; };
  const bool by_row = k.out.height * tiles(k.out.width) <= tiles(k.places());
  const Index rows = by_row ? k.out.height : 1, length = by_row ? k.out.width : k.places();
  const Index stride = k.result_stride(), tile = k.tile_weights(), steps = k.steps();
  const amx::Tiles shapes(k.rows, k.depth, false);
  for (Index p = 0; p < rows; ++p)
    for (Index q = 0; q < length; q += tile_places) {
      const Index place = p * k.image.pitch + q;
      for (Index block = 0; block < k.blocks; block += amx::most_blocks)
        tile::with_count<amx::most_blocks>(k.blocks - block, [&](auto count) {
          amx::multiply<count, false>(
              steps, k.image.stride * Index(sizeof(Pair)),
              [&](Index s) { return planes + offsets[s] + place; },
              [&](Index s) {
                return amx::TileRow{weights + (s * k.blocks + block) * tile, 4 * k.depth, 4 * tile};
              },
              {results + block * k.rows * stride + place, stride, k.rows * stride}, false);
        });
    }
}

// y (outputs,H,W) = results without their gaps, plus bias.
void finish(const AmxCorrelation& k, const float* results, const float* bias, float* y) {
  constexpr Index lanes = width<float>;
  for (Index o = 0; o < k.outputs; ++o) {
    const Vector<float> start = bias != nullptr ? simd::splat(bias[o]) : Vector<float>{};
    for (Index p = 0; p < k.out.height; ++p, y += k.out.width) {
      const float* const row = results + o * k.result_stride() + p * k.image.pitch;
      for (Index q = 0; q < k.out.width; q += lanes)
        simd::store_part(y + q, simd::load(row + q) + start, k.out.width - q);
    }
  }
}

void correlate(const AmxCorrelation& k, Index batch, const float* x, const Weights& w, const float* bias,
               float* y) {
  const Index planes = k.image.elements(), own = planes + k.results();
  const int slots = slots_for(batch);
  const Buffer memory(Device::cpu, std::size_t(slots * own + k.weights()) * sizeof(Pair)),
      table(Device::cpu, std::size_t(k.steps()) * sizeof(Index));
  Pair *const first = static_cast<Pair*>(memory.data()), *const packed = first + slots * own;
  pack(k, w, packed);
  Index* const offsets = static_cast<Index*>(table.data());
  for (Index s = 0; s < k.steps(); ++s)
    offsets[s] = k.step(s).plane * k.image.stride + k.offset(k.step(s).tap);
  for (int slot = 0; slot < slots; ++slot) k.image.clear(first + slot * own);
  const Index of_x = k.channels * k.image.size.height * k.image.size.width,
              of_y = k.outputs * k.out.height * k.out.width;
  parallel(batch, slots, [&](Index n, int slot) {
    Pair* const image = first + slot * own;
    float* const results = reinterpret_cast<float*>(image + planes);
    fill_planes(k, x + n * of_x, image);
    correlate_image(k, image, packed, offsets, results);
    finish(k, results, bias, y + n * of_y);
  });
}

}  // namespace

void conv2d_amx(const Conv2dShape& s, const float* x, const float* w, const float* bias, float* y) {
  const Index taps = s.kernel_height * s.kernel_width;
  const AmxCorrelation k(s.in_channels, s.out_channels, {s.kernel_height, s.kernel_width},
                         {s.height, s.width}, {s.padding, s.padding}, s.circular);
  correlate(k, s.batch, x, {w, s.in_channels * taps, taps, false}, bias, y);
}

void conv2d_data_adjoint_amx(const Conv2dShape& s, const float* y, const float* w, float* x) {
  const Index taps = s.kernel_height * s.kernel_width;
  const AmxCorrelation k(s.out_channels, s.in_channels, {s.kernel_height, s.kernel_width},
                         {s.out_height(), s.out_width()},
                         {s.kernel_height - 1 - s.padding, s.kernel_width - 1 - s.padding}, s.circular);
  correlate(k, s.batch, y, {w, taps, s.in_channels * taps, true}, nullptr, x);
}

#else

namespace {
[[noreturn]] void unsupported() {
  fail(
      "convolution by AMX: given a build without it, expected one for a CPU that has it, convolve otherwise");
}
}  // namespace

void conv2d_amx(const Conv2dShape&, const float*, const float*, const float*, float*) { unsupported(); }
void conv2d_data_adjoint_amx(const Conv2dShape&, const float*, const float*, float*) { unsupported(); }
void conv2d_weight_adjoint_amx(const Conv2dShape&, const float*, const float*, float*, float*) {
  unsupported();
}

#endif

}  // namespace stillpoint::kernels

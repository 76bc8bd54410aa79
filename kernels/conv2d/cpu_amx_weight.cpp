// The weight adjoint of a convolution by AMX: tiles of x (channels, places) times tiles of y (places,
// outputs), which are transposed once an image.
#include "kernels/conv2d/amx.h"
#include "kernels/conv2d/conv2d_cpu.h"
#include "kernels/conv2d/conv2d_tile.h"
#include "kernels/gemm/gemm_bf16.h"
#include "kernels/host/pool.h"
#include "kernels/host/threads.h"

#if STILLPOINT_AMX
namespace stillpoint::kernels {
namespace {

using namespace conv2d_tile;
using amx::Pair;

constexpr Index step_places = 32, block_outputs = 16, tile_pairs = 256;
// Steps whose tiles of x and y stay in L1 while all taps read them.
constexpr Index steps_together = 10;

// dw[o,c,tap] = the sum over images and places t of y[o,t] x[c, t + offset_tap]. A step is 32 places. Sets of
// neighbouring images have their own sums, which are added in order; the shape decides their number, so that
// no result depends on the number of threads.
struct AmxWeightAdjoint {
  Conv2dShape s;
  Index taps, blocks, rows;  // blocks of `rows` channels
  Index output_blocks, steps;
  BorderedImage<Bf16> image;
  Index set, sets;  // images

  static Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }
  explicit AmxWeightAdjoint(const Conv2dShape& shape)
      : s(shape),
        taps(s.kernel_height * s.kernel_width),
        blocks(ceil_div(s.in_channels, 16)),
        rows(ceil_div(s.in_channels, blocks)),
        output_blocks(ceil_div(s.out_channels, block_outputs)),
        image(blocks * rows, {s.height, s.width}, {s.padding, s.padding}, s.circular, 1, s.out_width()),
        set(ceil_div(s.batch, 16)),
        sets(ceil_div(s.batch, set)) {
    steps = ceil_div((s.out_height() - 1) * image.pitch + s.out_width(), step_places);
  }
  Index outputs_stride() const { return spread<Bf16>(steps * step_places); }
  Index outputs() const { return output_blocks * block_outputs * outputs_stride(); }
  Index tile_sums() const { return rows * block_outputs; }
  Index weight_sums() const { return blocks * taps * output_blocks * tile_sums(); }
  Index sums() const { return weight_sums() + s.out_channels; }
};

// A slot's scratch: x and y in bf16 with the pitch of x, and y in tiles (places / 2, outputs, 2).
struct Scratch {
  Bf16 *x, *y;
  Pair* tiles;
  static Index pairs(const AmxWeightAdjoint& k) {
    return (k.image.elements() + k.outputs()) / 2 + k.steps * k.output_blocks * tile_pairs;
  }
  Scratch(const AmxWeightAdjoint& k, Pair* memory)
      : x(reinterpret_cast<Bf16*>(memory)), y(x + k.image.elements()), tiles(memory) {
    tiles += (k.image.elements() + k.outputs()) / 2;
  }
};

// to (16 pairs of places, 16 outputs) from the pairs of 16 outputs. Four perfect shuffles of 16 rows
// transpose them.
void transpose(const Bf16* y, Index stride, Pair* to) {
  constexpr simd::LaneSequence<float> all;
  Vector<float> rows[16], mixed[16];
  for (int r = 0; r < 16; ++r) std::memcpy(&rows[r], y + r * stride, sizeof rows[r]);
  for (int round = 0; round < 4; ++round) {
    for (int r = 0; r < 8; ++r) {
      mixed[2 * r] = simd::interleave<0>(rows[r], rows[r + 8], all);
      mixed[2 * r + 1] = simd::interleave<1>(rows[r], rows[r + 8], all);
    }
    for (int r = 0; r < 16; ++r) rows[r] = mixed[r];
  }
  std::memcpy(to, rows, sizeof rows);
}

void fill(const AmxWeightAdjoint& k, const float* x, const float* y, const Scratch& own) {
  const Conv2dShape& s = k.s;
  for (Index c = 0; c < s.in_channels; ++c, x += s.height * s.width)
    k.image.each_row(own.x + c * k.image.stride,
                     [&](Index i, Bf16* to) { amx::round_row(x + i * s.width, s.width, to); });
  for (Index o = 0; o < s.out_channels; ++o)
    for (Index p = 0; p < s.out_height(); ++p, y += s.out_width())
      amx::round_row(y, s.out_width(), own.y + o * k.outputs_stride() + p * k.image.pitch);
  for (Index step = 0; step < k.steps; ++step)
    for (Index block = 0; block < k.output_blocks; ++block)
      transpose(own.y + block * block_outputs * k.outputs_stride() + step * step_places, k.outputs_stride(),
                own.tiles + (step * k.output_blocks + block) * tile_pairs);
}

// sums [block of channels][tap][block of outputs][channel][output] += the products of one image.
void add_products(const AmxWeightAdjoint& k, const Scratch& own, float* sums) {
  const amx::Tiles shapes(k.rows, tile_pairs / block_outputs, true);
  for (Index first = 0; first < k.steps; first += steps_together)
    for (Index block = 0; block < k.blocks; ++block)
      for (Index tap = 0; tap < k.taps; ++tap) {
        const Bf16* const x = own.x + block * k.rows * k.image.stride + first * step_places +
                              k.image.place_of(tap / k.s.kernel_width, tap % k.s.kernel_width);
        for (Index o = 0; o < k.output_blocks; o += amx::most_blocks)
          tile::with_count<amx::most_blocks>(k.output_blocks - o, [&](auto count) {
            amx::multiply<count, true>(
                std::min(steps_together, k.steps - first), 2 * k.image.stride,
                [&](Index step) { return x + step * step_places; },
                [&](Index step) {
                  return amx::TileRow{own.tiles + ((first + step) * k.output_blocks + o) * tile_pairs, 64,
                                      4 * tile_pairs};
                },
                {sums + ((block * k.taps + tap) * k.output_blocks + o) * k.tile_sums(), block_outputs,
                 k.tile_sums()},
                true);
          });
      }
}

// Adds the sets in order to the first one.
void add_sets(const AmxWeightAdjoint& k, float* sums) {
  const Index n = k.sums();
  parallel_ranges(n, piece_elements, n * k.sets >= serial_below, [&](Index begin, Index end) {
    for (Index set = 1; set < k.sets; ++set)
#pragma GCC ivdep
      for (Index i = begin; i < end; ++i) sums[i] += sums[set * n + i];
  });
}

}  // namespace

void conv2d_weight_adjoint_amx(const Conv2dShape& s, const float* y, const float* x, float* w, float* dbias) {
  const AmxWeightAdjoint k(s);
  const int slots = slots_for(k.sets);
  const Index own = Scratch::pairs(k), of_x = s.in_channels * s.height * s.width,
              places = s.out_height() * s.out_width(), of_y = s.out_channels * places;
  const Buffer memory(Device::cpu, std::size_t(slots * own) * sizeof(Pair)),
      memory_of_sums(Device::cpu, std::size_t(k.sets * k.sums()) * sizeof(float));
  Pair* const first = static_cast<Pair*>(memory.data());
  float* const sums = static_cast<float*>(memory_of_sums.data());
  std::fill_n(first, slots * own, Pair(0));
  parallel(k.sets, slots, [&](Index set, int slot) {
    const Scratch scratch(k, first + slot * own);
    float *const to = sums + set * k.sums(), *const bias = to + k.weight_sums();
    std::fill_n(to, k.sums(), 0.0f);
    for (Index n = set * k.set; n < std::min(s.batch, (set + 1) * k.set); ++n) {
      fill(k, x + n * of_x, y + n * of_y, scratch);
      add_products(k, scratch, to);
      for (Index o = 0; o < s.out_channels && dbias != nullptr; ++o)
        bias[o] += sum_row(y + n * of_y + o * places, places);
    }
  });
  add_sets(k, sums);
  for (Index o = 0; o < s.out_channels; ++o)
    for (Index c = 0; c < s.in_channels; ++c)
      for (Index tap = 0; tap < k.taps; ++tap)
        *w++ = sums[((c / k.rows * k.taps + tap) * k.output_blocks + o / block_outputs) * k.tile_sums() +
                    c % k.rows * block_outputs + o % block_outputs];
  if (dbias != nullptr) std::copy_n(sums + k.weight_sums(), s.out_channels, dbias);
}

}  // namespace stillpoint::kernels
#endif

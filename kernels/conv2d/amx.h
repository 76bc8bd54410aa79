// Intel's matrix instructions (AMX): tiles of up to 16 rows of 64 bytes, and products of bf16 tiles with
// float32 sums.
#pragma once
#include "kernels/device/array.h"
#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512BF16__)
#define STILLPOINT_AMX 1
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

#include "kernels/launch/simd_lanes.h"
#endif

namespace stillpoint::kernels::amx {

#if STILLPOINT_AMX

// Returns whether the system lets this process use tiles; asks once, because a process has to.
inline bool available() {
  constexpr long ask = 0x1023, tiles = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool granted = syscall(SYS_arch_prctl, ask, tiles) == 0;
  return granted;
}

// Most sums that multiply() keeps in tiles.
inline constexpr int most_blocks = 4;

// The tiles of multiply() while it lives: sums (m,16) in 0 to 3; in 4 and 5 one operand of each block, in 6
// the operand that all blocks share. The left operand is (m, 2 depth), the right one (depth,16,2).
class Tiles {
 public:
  Tiles(Index m, Index depth, bool share_left) {
    struct alignas(64) Shapes {
      std::uint8_t palette = 1, start = 0, zeros[14] = {};
      std::uint16_t row_bytes[16] = {};
      std::uint8_t rows[16] = {};
    } shapes;
    const auto set = [&](int tile, Index rows, Index row_bytes) {
      shapes.rows[tile] = std::uint8_t(rows);
      shapes.row_bytes[tile] = std::uint16_t(row_bytes);
    };
    for (int sum = 0; sum < most_blocks; ++sum) set(sum, m, 64);
    for (int tile = 4; tile < 7; ++tile)
      if (share_left == (tile == 6))
        set(tile, m, 4 * depth);
      else
        set(tile, depth, 64);
    asm volatile("ldtilecfg %0" ::"m"(shapes));
  }
  ~Tiles() { asm volatile("tilerelease"); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

template <int tile>
inline void load(const void* from, Index row_bytes) {
  asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(row_bytes), "i"(tile) : "memory");
}
template <int tile>
inline void store(void* to, Index row_bytes) {
  asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(row_bytes), "i"(tile) : "memory");
}
template <int tile>
inline void clear() {
  asm volatile("tilezero %%tmm%c0" ::"i"(tile));
}
// sum += left right.
template <int sum, int left, int right>
inline void multiply_add() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sum), "i"(left), "i"(right));
}

// Two neighbours of a sum in bf16, the first one below: an element of a right operand.
using Pair = std::uint32_t;

// to[i] = low[i] and high[i], rounded to bf16. `high` may be null and stands for zeros.
inline void round_pairs(const float* low, const float* high, Index n, Pair* to) {
  alignas(64) static constexpr std::uint16_t pairs[32] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                          21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                          11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  const __m512i order = _mm512_load_si512(pairs);
  for (Index i = 0; i < n; i += 16) {
    const __mmask16 some = simd::first_lanes(n - i);
    const __m512 a = _mm512_maskz_loadu_ps(some, low + i),
                 b = high != nullptr ? _mm512_maskz_loadu_ps(some, high + i) : _mm512_setzero_ps();
    const auto both = __m512i(_mm512_cvtne2ps_pbh(b, a));
    _mm512_mask_storeu_epi32(to + i, some, _mm512_permutexvar_epi16(order, both));
  }
}
// to[i] = x[i], rounded to bf16.
inline void round_row(const float* x, Index n, std::uint16_t* to) {
  for (Index i = 0; i < n; i += 16) {
    const __mmask16 some = simd::first_lanes(n - i);
    _mm256_mask_storeu_epi16(to + i, some, __m256i(_mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(some, x + i))));
  }
}

// Neighbouring tiles in memory; numbers of bytes from row to row and from tile to tile.
struct TileRow {
  const void* first;
  Index row, next;
  const void* tile(Index n) const { return static_cast<const char*>(first) + n * next; }
};
struct Sums {
  float* first;
  Index row, next;  // elements
};

// For every block b: sums_b (m,16) = the sum over steps s of the shared operand at shared(s) with the operand
// of block b at own(s); `add` keeps what the sums held.
template <int blocks, bool share_left, class Shared, class Own>
inline void multiply(Index steps, Index shared_row, Shared shared, Own own, const Sums& sums, bool add) {
  [&]<int... b>(std::integer_sequence<int, b...>) {
    if (add)
      (load<b>(sums.first + b * sums.next, 4 * sums.row), ...);
    else
      (clear<b>(), ...);
    for (Index s = 0; s < steps; ++s) {
      load<6>(shared(s), shared_row);
      const TileRow operands = own(s);
      ((load<4 + b % 2>(operands.tile(b), operands.row), multiply_add < b, share_left ? 6 : 4 + b % 2,
        share_left ? 4 + b % 2 : 6 > ()),
       ...);
    }
    (store<b>(sums.first + b * sums.next, 4 * sums.row), ...);
  }
  (std::make_integer_sequence<int, blocks>{});
}

#else

inline bool available() { return false; }

#endif

}  // namespace stillpoint::kernels::amx

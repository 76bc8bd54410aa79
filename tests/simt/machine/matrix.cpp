// Implements warp matrix functions: checks that all lanes agree, and multiplies the fragments that they hold.
#include <bit>
#include <cmath>

#include "machine/block.h"

namespace simt {
namespace {

constexpr int lanes = 32, edge = 16, deepest = 16;

// The whole operands of one warp: a (16,depth), b (depth,16) as its transpose, c (16,16).
struct Whole {
  float a[edge][deepest], b[edge][deepest], c[edge][edge];
};

// Returns what is wrong with the element, or an empty text.
std::string fault_of(float value, bool tf32) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (bits == 0xffffffffu || bits == 0xffff0000u)
    return "was never set";  // 0xFF in every byte of float32 or bf16
  if (tf32 && !std::isnan(value) && (bits & 0x1fffu) != 0)
    return "is " + std::to_string(value) +
           ", which tf32 does not hold, expected the result of __float_to_tf32";
  return "";
}

// Collects the elements of all lanes. Returns what is wrong, or an empty text.
std::string gather(const LaneMatrices* const (&from)[lanes], Whole& to) {
  const bool tf32 = from[0]->depth == 8;
  const int slots = tf32 ? 4 : 8;
  std::string fault;
  const auto take = [&](const char* name, const float* values, int lane, int count, bool rounded,
                        auto place) {
    for (int slot = 0; slot < count; ++slot) {
      const MatrixElement e = matrix_element(lane, slot, count);
      place(e) = values[slot];
      const std::string found = fault_of(values[slot], rounded);
      if (!found.empty() && fault.empty()) fault = std::string("an element of ") + name + " " + found;
    }
  };
  for (int lane = 0; lane < lanes; ++lane) {
    const LaneMatrices& l = *from[lane];
    take("a", l.a, lane, slots, tf32, [&](MatrixElement e) -> float& { return to.a[e.outer][e.inner]; });
    take("b", l.b, lane, slots, tf32, [&](MatrixElement e) -> float& { return to.b[e.outer][e.inner]; });
    take("c", l.c, lane, 8, false, [&](MatrixElement e) -> float& { return to.c[e.outer][e.inner]; });
  }
  return fault;
}

}  // namespace

// Products of tf32 or bf16 are exact in float32; sums are rounded to float32, in order.
std::string multiply(LaneMatrices* const (&warp)[lanes]) {
  const LaneMatrices* from[lanes];
  for (int lane = 0; lane < lanes; ++lane) {
    from[lane] = warp[lane];
    if (warp[lane]->depth != warp[0]->depth) return "lanes multiply fragments of different shapes";
  }
  Whole whole;
  if (const std::string fault = gather(from, whole); !fault.empty()) return fault;
  for (int lane = 0; lane < lanes; ++lane)
    for (int slot = 0; slot < 8; ++slot) {
      const MatrixElement e = matrix_element(lane, slot, 8);
      float sum = whole.c[e.outer][e.inner];
      for (int k = 0; k < warp[lane]->depth; ++k) sum += whole.a[e.outer][k] * whole.b[e.inner][k];
      warp[lane]->d[slot] = sum;
    }
  return "";
}

// Finishes a matrix function, to which all lanes of the warp must have come.
void Machine::finish_matrix(int warp, unsigned present) {
  Thread* const first = &thread(warp * lanes);
  const Thread& one = first[std::countr_zero(present)];
  const auto refuse = [&](const std::string& text) {
    fail(int(&one - block_->threads.data()), Check::sync,
         std::string(name_of(one.kind)) + " at " + describe(one.where) + ": " + text);
  };
  if (present != ~0u)
    refuse("only " + std::to_string(std::popcount(present)) +
           " lanes take part, expected the whole warp of 32");
  if (one.kind == Collective::multiply_matrices) {
    LaneMatrices* all[lanes];
    for (int lane = 0; lane < lanes; ++lane) all[lane] = reinterpret_cast<LaneMatrices*>(first[lane].value);
    if (const std::string fault = multiply(all); !fault.empty()) refuse(fault);
    return;
  }
  for (int lane = 0; lane < lanes; ++lane)
    if (first[lane].value != one.value || first[lane].operand != one.operand ||
        first[lane].width != one.width)
      refuse("lanes give different addresses or leading dimensions, expected the same of all");
  if (one.value % 32 != 0)
    refuse("the address is " + std::to_string(one.value % 32) +
           " bytes behind a multiple of 32, expected a multiple");
  const int step = 16 / one.width;
  if (one.operand < step || one.operand % step != 0)
    refuse("the leading dimension is " + std::to_string(one.operand) + ", expected a multiple of " +
           std::to_string(step));
}

}  // namespace simt

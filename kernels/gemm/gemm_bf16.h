// Products of operands that are already rounded to bf16, for kernels that keep their tiles in bf16.
#pragma once
#include <bit>

#include "kernels/gemm/gemm.h"

namespace stillpoint::kernels {

using Bf16 = std::uint16_t;  // the upper half of a float32

// Rounds to nearest, ties to even; a NaN stays a NaN.
inline Bf16 to_bf16(float x) {
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  return Bf16((x == x ? rounded : bits | 0x00400000u) >> 16);
}
inline float from_bf16(Bf16 x) { return std::bit_cast<float>(std::uint32_t(x) << 16); }

// c = relu(op(a) op(b) + beta c + bias) with float32 sums; bias and ReLU only if asked for. If `packed_rows`
// is not 0, then b was left by pack_bf16 of the same product with m = packed_rows. Runs on the calling
// thread.
struct Bf16Product {
  HostGemm shape;
  bool rounded = false;  // c is bf16 instead of float32
  bool relu = false;
  std::int64_t packed_rows = 0;
};
// Requires cpu_has_bf16(). bias (n) may be null.
void multiply_bf16(const Bf16Product& product, const Bf16* a, const void* b, const float* bias, void* c);

// b of a product, rounded and in the order in which multiply_bf16 reads it, from float32 w: (k,n), or (n,k)
// if the shape says transpose_b. m is the number of rows of most products. Requires cpu_has_bf16().
std::size_t packed_bf16_bytes(const Bf16Product& product);
void pack_bf16(const Bf16Product& product, const float* w, void* to);

}  // namespace stillpoint::kernels

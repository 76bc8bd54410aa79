// Matrix products on the CPU.
#pragma once
#include <algorithm>

#include "kernels/gemm/linear_sum.h"
#include "kernels/host/pool.h"

namespace stillpoint::kernels {

// The contracts are those of gemm and linear, for arrays on the CPU; any extent may be 0.
void gemm_cpu(const GemmShape& shape, const Array& a, const Array& b, const Array& c);
void linear_cpu(const LinearShape& shape, const Array& x, const Array& w, const LinearTerms& terms,
                const Array& y);

// gemm_host with this project's own register tiles, threaded if the product is large. The order in which an
// element is summed depends only on k.
template <class T>
void gemm_blocked(const HostGemm& g, const T* a, const T* b, T* c);
extern template void gemm_blocked<float>(const HostGemm& g, const float* a, const float* b, float* c);
extern template void gemm_blocked<double>(const HostGemm& g, const double* a, const double* b, double* c);

// gemm_host in float32 whatever precision() is: by oneDNN, or by gemm_blocked if oneDNN was not built in or
// if an extent is 0.
void gemm_float32(const HostGemm& g, const float* a, const float* b, float* c);

// From now on oneDNN computes for this thread on this thread only, because its own threads (OpenMP's) wait
// for each other.
void use_one_onednn_thread();

// Calls multiply(g, a, b, c) for blocks of rows and columns of c, which threads share. The blocks depend only
// on the product's shape, because the extents change what oneDNN computes for an element.
template <class T, class Multiply>
void in_blocks(const HostGemm& g, const T* a, const T* b, float* c, const Multiply& multiply) {
  constexpr Index large = 384, wanted = 4, pays = 1 << 19;  // extent, blocks, multiply-adds of a block
  const auto cut = [](Index n, Index parts) { return ((n + parts - 1) / parts + 15) / 16 * 16; };
  Index down = (g.m + large - 1) / large, across = (g.n + large - 1) / large;
  while (down * across < wanted && g.m * g.n * g.k >= 2 * down * across * pays &&
         std::max(g.m / down, g.n / across) > 32)
    (g.m / down >= g.n / across ? down : across) *= 2;
  const Index rows = cut(g.m, down), columns = cut(g.n, across);
  down = (g.m + rows - 1) / rows, across = (g.n + columns - 1) / columns;
  parallel(down * across, [&](Index block) {
    const Index i = block / across * rows, j = block % across * columns;
    HostGemm part = g;
    part.m = std::min(rows, g.m - i);
    part.n = std::min(columns, g.n - j);
    multiply(part, a + i * (g.transpose_a ? 1 : g.lda), b + j * (g.transpose_b ? g.ldb : 1),
             c + i * g.ldc + j);
  });
}

// gemm_host with operands rounded to bf16 (nearest, ties to even) and float32 sums.
void gemm_bf16(const HostGemm& g, const float* a, const float* b, float* c);
// Returns the nearest bf16 as a float; a NaN stays a NaN.
float round_to_bf16(float x);

}  // namespace stillpoint::kernels

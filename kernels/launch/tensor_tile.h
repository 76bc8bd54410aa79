// Matrix products of a block in 16 x 16 tiles on tensor cores: rounded operands, float32 sums.
#pragma once
#include "kernels/launch/launch.h"
#include "kernels/launch/quad.h"
#if STILLPOINT_CUDA
#include <cuda_bf16.h>
#include <mma.h>

namespace stillpoint::kernels::tensor {

inline constexpr int edge = 16;  // of a tile
STILLPOINT_HD constexpr int padded(int n) { return (n + edge - 1) / edge * edge; }

// Returns the row length of n elements in shared memory: an odd number of 16 bytes, so that the 16 bytes of
// eight neighbouring rows lie in different banks, and a valid leading dimension of a fragment.
template <class Element>
STILLPOINT_HD constexpr int pitch(int n) {
  return padded(n) + 16 / int(sizeof(Element));
}

// Rounds to 10 bits of mantissa, ties away from zero.
struct Tf32 {
  using Element = float;
  using Operand = nvcuda::wmma::precision::tf32;
  static constexpr int depth = 8;
  __device__ static float rounded(float x) { return nvcuda::wmma::__float_to_tf32(x); }
};
// Rounds to 7 bits of mantissa, ties to even.
struct Bf16 {
  using Element = __nv_bfloat16;
  using Operand = __nv_bfloat16;
  static constexpr int depth = 16;
  __device__ static __nv_bfloat16 rounded(float x) { return __float2bfloat16_rn(x); }
};

using RowMajor = nvcuda::wmma::row_major;
using ColMajor = nvcuda::wmma::col_major;

// Elements that are already rounded; rows (or columns, by the layout) lie `row` elements apart.
template <class Element>
struct Matrix {
  Element* data;
  int row;
};

// c (m,n) = a (m,k) b (k,n), or c += if asked for, c row-major; m, n and k are multiples of 16. Each warp
// takes every n-th tile and adds its products in order: the result does not depend on the block's size.
template <class Kind, class LayoutA, class LayoutB>
__device__ void multiply(int m, int n, int k, Matrix<const typename Kind::Element> a,
                         Matrix<const typename Kind::Element> b, Matrix<float> c, bool accumulate = false) {
  namespace wmma = nvcuda::wmma;
  constexpr int depth = Kind::depth;
  constexpr bool a_rows = std::is_same_v<LayoutA, RowMajor>, b_rows = std::is_same_v<LayoutB, RowMajor>;
  const int rows = m / edge, tiles = rows * (n / edge);
  for (int t = int(threadIdx.x) / 32; t < tiles; t += int(blockDim.x) / 32) {
    const int i = t % rows * edge, j = t / rows * edge;
    float* const to = c.data + i * c.row + j;
    wmma::fragment<wmma::accumulator, edge, edge, depth, float> sum;
    if (accumulate)
      wmma::load_matrix_sync(sum, to, unsigned(c.row), wmma::mem_row_major);
    else
      wmma::fill_fragment(sum, 0.0f);
    for (int l = 0; l < k; l += depth) {
      wmma::fragment<wmma::matrix_a, edge, edge, depth, typename Kind::Operand, LayoutA> left;
      wmma::fragment<wmma::matrix_b, edge, edge, depth, typename Kind::Operand, LayoutB> right;
      wmma::load_matrix_sync(left, a.data + (a_rows ? i * a.row + l : l * a.row + i), unsigned(a.row));
      wmma::load_matrix_sync(right, b.data + (b_rows ? l * b.row + j : j * b.row + l), unsigned(b.row));
      wmma::mma_sync(sum, left, right, sum);
    }
    wmma::store_matrix_sync(to, sum, unsigned(c.row), wmma::mem_row_major);
  }
}

}  // namespace stillpoint::kernels::tensor

#endif  // STILLPOINT_CUDA

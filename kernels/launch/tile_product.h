// A tiled matrix product c(i,j) = sum_k a(i,k) b(k,j) whose operands and result are functions.
#pragma once
#include "kernels/launch/launch.h"
#include "kernels/launch/quad.h"

namespace stillpoint::kernels {

#if STILLPOINT_CUDA

// An Op has
//   Value                               float or double
//   rows, columns, depth                extents of i, j and k
//   depth_per_split                     the terms that a split sums
//   along_depth                         whether operands lie along k in memory, else along i and j
//   row(i), column(j), inner(k)         what an index stands for, made once if it stays the same
//   a(row, inner), b(inner, column)     elements of the operands
//   store(split, i, column, value)      takes an element of the result
namespace product {
inline constexpr int side = 64, deep = 16, threads = 256, stride = side + 4;
}

// Stores a thread's results, the first of which is (i0,j0).
template <class Op>
__device__ __forceinline__ void store_products(const Op& op, const typename Op::Value (&acc)[4][4], Index i0,
                                               Index j0) {
  STILLPOINT_UNROLL(4)
  for (int s = 0; s < 4; ++s) {
    if (j0 + s >= op.columns) continue;
    const auto column = op.column(j0 + s);
    STILLPOINT_UNROLL(4)
    for (int r = 0; r < 4; ++r)
      if (i0 + r < op.rows) op.store(Index(blockIdx.y), i0 + r, column, acc[r][s]);
  }
}

// Panels are [k][64] of both operands. Arithmetic bounds it if Op's elements are cheap: 32 quads from shared
// memory feed 256 multiply-adds per thread and panel.
template <class Op>
__global__ void __launch_bounds__(product::threads) tile_product(Op op) {
  using namespace product;
  using T = typename Op::Value;
  T* const a = dynamic_shared<T>();
  T* const b = a + deep * stride;
  const Index row_tiles = (op.rows + side - 1) / side;
  const Index i0 = blockIdx.x % row_tiles * side, j0 = blockIdx.x / row_tiles * side;
  const int thread = int(threadIdx.x);
  // Neighbouring threads take neighbouring elements of the direction in which operands lie.
  const int across = Op::along_depth ? thread / deep : thread % side;
  const int across_step = Op::along_depth ? threads / deep : 0;
  const int inner = Op::along_depth ? thread % deep : thread / side;
  const int inner_step = Op::along_depth ? 0 : threads / side;
  constexpr int loads = side * deep / threads;
  const Index from = Index(blockIdx.y) * op.depth_per_split;
  const Index to = minimum(op.depth, from + op.depth_per_split);
  decltype(op.row(i0)) rows[loads];
  decltype(op.column(j0)) columns[loads];
  STILLPOINT_UNROLL(loads)
  for (int load = 0; load < loads; ++load) {
    rows[load] = op.row(i0 + across + load * across_step);
    columns[load] = op.column(j0 + across + load * across_step);
  }
  T acc[4][4] = {};
  for (Index k0 = from; k0 < to; k0 += deep) {
    STILLPOINT_UNROLL(loads)
    for (int load = 0; load < loads; ++load) {
      const int at = across + load * across_step, depth = inner + load * inner_step;
      const auto k = op.inner(k0 + depth);
      const bool inside = k0 + depth < to;
      a[depth * stride + at] = inside && i0 + at < op.rows ? op.a(rows[load], k) : T(0);
      b[depth * stride + at] = inside && j0 + at < op.columns ? op.b(k, columns[load]) : T(0);
    }
    __syncthreads();
    STILLPOINT_UNROLL(deep)
    for (int k = 0; k < deep; ++k)
      add_outer(acc, load_quad(a + k * stride + thread / 16 * 4),
                load_quad(b + k * stride + thread % 16 * 4));
    __syncthreads();
  }
  store_products(op, acc, i0 + thread / 16 * 4, j0 + thread % 16 * 4);
}

template <class Op>
void launch_product(const char* name, const Op& op, Index splits) {
  using namespace product;
  const Index tiles = ((op.rows + side - 1) / side) * ((op.columns + side - 1) / side);
  const LaunchShape shape{dim3(unsigned(tiles), unsigned(splits)), dim3(threads),
                          2 * deep * stride * sizeof(typename Op::Value)};
  launch(name, tile_product<Op>, shape, op);
}

#endif  // STILLPOINT_CUDA

}  // namespace stillpoint::kernels

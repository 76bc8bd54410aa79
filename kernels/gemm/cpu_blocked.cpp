// The project's own matrix product: packs blocks of k and of columns for the caches around the register tile.
#include "kernels/gemm/gemm_cpu.h"
#include "kernels/host/pool.h"
#include "kernels/launch/register_tile.h"

namespace stillpoint::kernels {
namespace {

constexpr Index depth_block = 256;  // a panel of b, depth_block x columns, stays in L1
constexpr Index row_block = 240, column_block = 512;
constexpr Index threaded_from = 1 << 18;  // multiply-adds that pay for a second thread

struct Block {
  Index i0, i1, j0, j1;
};

// Packs op(a)(i0.., p0..) as [rows/R][k][R] if a is stored transposed, because its own rows are far apart.
template <class T>
void pack_rows(Index rows, Index depth, const T* a, Index lda, T* packed) {
  tile::for_row_blocks(rows, [&](auto count, Index first) {
    constexpr int R = count;
    T* to = packed + first * depth;
    for (Index p = 0; p < depth; ++p, to += R)
      for (int r = 0; r < R; ++r) to[r] = a[p * lda + first + r];
  });
}

// c (rows, n <= columns) = or += a times one panel.
template <bool rows_adjacent, class T, int R>
void multiply_panel(Index depth, const T* a, Index a_stride, const T* panel, T* c, Index ldc, Index n,
                    bool add) {
  constexpr int width = simd::width<T>;
  const bool whole = n == tile::columns<T>;
  simd::Vector<T> acc[R][2] = {};
  tile::multiply_add<rows_adjacent>(acc, depth, a, a_stride, panel, tile::columns<T>);
#pragma GCC unroll 12
  for (int r = 0; r < R; ++r, c += ldc) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      T* const to = c + v * width;
      const Index some = n - v * width;
      if (whole)
        simd::store(to, add ? simd::load(to) + acc[r][v] : acc[r][v]);
      else if (some > 0)
        tile::store_some(to, add ? tile::load_some(to, some) + acc[r][v] : acc[r][v], some);
    }
  }
}

template <class T>
void multiply_block(const HostGemm& g, const T* a, const T* b, T* c, const Block& block) {
  const Index rows = block.i1 - block.i0, columns = block.j1 - block.j0;
  const Index deepest = std::min(g.k, depth_block), panel_size = tile::padded<T>(columns) * deepest;
  const Buffer scratch(Device::cpu,
                       std::size_t(panel_size + (g.transpose_a ? rows * deepest : 0)) * sizeof(T));
  T* const panels = static_cast<T*>(scratch.data());
  T* const packed = panels + panel_size;
  for (Index p0 = 0; p0 < g.k; p0 += depth_block) {
    const Index depth = std::min(depth_block, g.k - p0);
    const bool add = p0 > 0 || g.beta != 0;
    if (g.transpose_b)
      tile::pack_panels(depth, columns, b + block.j0 * g.ldb + p0, 1, g.ldb, panels);
    else
      tile::pack_panels(depth, columns, b + p0 * g.ldb + block.j0, g.ldb, 1, panels);
    if (g.transpose_a) pack_rows(rows, depth, a + p0 * g.lda + block.i0, g.lda, packed);
    for (Index j = 0; j < columns; j += tile::columns<T>) {
      const T* const panel = panels + j * depth;
      const Index n = std::min<Index>(tile::columns<T>, columns - j);
      tile::for_row_blocks(rows, [&](auto count, Index first) {
        constexpr int R = count;
        T* const to = c + (block.i0 + first) * g.ldc + block.j0 + j;
        if (g.transpose_a)
          multiply_panel<true, T, R>(depth, packed + first * depth, R, panel, to, g.ldc, n, add);
        else
          multiply_panel<false, T, R>(depth, a + (block.i0 + first) * g.lda + p0, g.lda, panel, to, g.ldc, n,
                                      add);
      });
    }
  }
}

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

}  // namespace

template <class T>
void gemm_blocked(const HostGemm& g, const T* a, const T* b, T* c) {
  if (g.m == 0 || g.n == 0) return;
  if (g.k == 0) {
    for (Index i = 0; g.beta == 0 && i < g.m; ++i) std::fill_n(c + i * g.ldc, g.n, T(0));
    return;
  }
  Index rows = std::min(g.m, row_block), columns = std::min(g.n, column_block);
  const bool threaded = thread_count() > 1 && g.m * g.n * g.k >= threaded_from;
  // Halves the blocks until every thread has two.
  while (threaded && ceil_div(g.m, rows) * ceil_div(g.n, columns) < 2 * thread_count()) {
    if (columns >= rows && columns > 2 * tile::columns<T>)
      columns = tile::padded<T>(columns / 2);
    else if (rows > 2 * tile::rows)
      rows = ceil_div(rows / 2, tile::rows) * tile::rows;
    else
      break;
  }
  const Index across = ceil_div(g.n, columns), blocks = ceil_div(g.m, rows) * across;
  parallel(blocks, slots_for(blocks, threaded), [&](Index t, int) {
    const Index i0 = t / across * rows, j0 = t % across * columns;
    multiply_block(g, a, b, c, {i0, std::min(g.m, i0 + rows), j0, std::min(g.n, j0 + columns)});
  });
}

template void gemm_blocked<float>(const HostGemm& g, const float* a, const float* b, float* c);
template void gemm_blocked<double>(const HostGemm& g, const double* a, const double* b, double* c);

}  // namespace stillpoint::kernels

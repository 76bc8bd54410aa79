// Gauss-Jordan elimination on CUDA: a block keeps its matrix in registers; one that is too large stays in L2.
#include "kernels/launch/launch.h"
#include "kernels/monotone/complex_inverse.h"

namespace stillpoint::kernels {
namespace {

constexpr int side = 16, threads = side * side;

template <class T>
struct alignas(2 * sizeof(T)) Complex {
  T re, im;
};

// Entry (16 r + i, 16 c + j) of a matrix with at most 16 R rows is a[r][c] of thread (i,j). Rows and columns
// from n on are 0, and stay so.
template <class T, int R>
struct Tile {
  Complex<T> a[R][R];
  int i, j;

  __device__ void load(int n, const T* matrix) {
    STILLPOINT_UNROLL(6)
    for (int r = 0; r < R; ++r) STILLPOINT_UNROLL(6)
    for (int c = 0; c < R; ++c) {
      const int y = side * r + i, x = side * c + j;
      const bool inside = y < n && x < n;
      a[r][c] = {inside ? matrix[y * n + x] : T(0), inside ? matrix[(n + y) * n + x] : T(0)};
    }
  }
  __device__ void store(int n, T* matrix) const {
    STILLPOINT_UNROLL(6)
    for (int r = 0; r < R; ++r) STILLPOINT_UNROLL(6)
    for (int c = 0; c < R; ++c) {
      const int y = side * r + i, x = side * c + j;
      if (y >= n || x >= n) continue;
      matrix[y * n + x] = a[r][c].re;
      matrix[(n + y) * n + x] = a[r][c].im;
    }
  }
  // Writes the pivot's row, with 1 at the pivot, its column, with -1 there, and the pivot: then
  //   new entry = (entry, or 0 in row and column of the pivot) - column * (row / pivot)
  // holds for every entry. The pivot is entry (k,k), k = 16 q + m.
  template <int q>
  __device__ void publish(int m, Complex<T>* row, Complex<T>* column, Complex<T>* pivot) {
    const bool in_row = i == m, in_column = j == m;
    if (in_row) {
      STILLPOINT_UNROLL(6)
      for (int c = 0; c < R; ++c) row[side * c + j] = c == q && in_column ? Complex<T>{T(1), T(0)} : a[q][c];
    }
    if (in_column) {
      STILLPOINT_UNROLL(6)
      for (int r = 0; r < R; ++r) column[side * r + i] = r == q && in_row ? Complex<T>{T(-1), T(0)} : a[r][q];
    }
    if (in_row && in_column) *pivot = a[q][q];
    STILLPOINT_UNROLL(6)
    for (int c = 0; c < R; ++c) {
      if (in_row) a[q][c] = {T(0), T(0)};
      if (in_column) a[c][q] = {T(0), T(0)};
    }
  }
  __device__ void eliminate(const Complex<T>* row, const Complex<T>* column, Complex<T> pivot) {
    const T scale = T(1) / (pivot.re * pivot.re + pivot.im * pivot.im);
    const T dr = pivot.re * scale, di = -pivot.im * scale;
    Complex<T> scaled[R];
    STILLPOINT_UNROLL(6)
    for (int c = 0; c < R; ++c) {
      const Complex<T> x = row[side * c + j];
      scaled[c] = {x.re * dr - x.im * di, x.re * di + x.im * dr};
    }
    STILLPOINT_UNROLL(6)
    for (int r = 0; r < R; ++r) {
      const Complex<T> f = column[side * r + i];
      STILLPOINT_UNROLL(6)
      for (int c = 0; c < R; ++c) {
        a[r][c].re -= f.re * scaled[c].re - f.im * scaled[c].im;
        a[r][c].im -= f.re * scaled[c].im + f.im * scaled[c].re;
      }
    }
  }
  // Eliminates the pivots 16 q <= k < min(16 (q + 1), n), and goes on. Two sets of the pivot's row and column
  // take turns, so that a pivot needs one barrier: a set is written again behind the barrier of the other.
  template <int q = 0>
  __device__ void invert(int n, Complex<T>* sets) {
    constexpr int set = 2 * side * R + 1;
    for (int m = 0; m < side && side * q + m < n; ++m) {
      Complex<T>* const row = sets + m % 2 * set;
      Complex<T>* const column = row + side * R;
      Complex<T>* const pivot = column + side * R;
      publish<q>(m, row, column, pivot);
      __syncthreads();
      eliminate(row, column, *pivot);
    }
    if constexpr (q + 1 < R) invert<q + 1>(n, sets);
  }
};

// Shared memory holds two sets of a row (16 R,2), a column (16 R,2) and a pivot (2).
template <class T, int R>
constexpr std::size_t bytes_of_sets = 2 * (2 * side * R + 1) * sizeof(Complex<T>);

// One block is asked for; without a request the compiler spills some registers for a second one.
template <class T, int R>
__global__ void __launch_bounds__(threads, 1) invert_in_registers(Index batch, int n, T* matrices) {
  Complex<T>* const sets = dynamic_shared<Complex<T>>();
  for (Index b = blockIdx.x; b < batch; b += gridDim.x) {
    T* const matrix = matrices + 2 * b * n * n;
    Tile<T, R> tile;
    tile.i = int(threadIdx.x) / side;
    tile.j = int(threadIdx.x) % side;
    tile.load(n, matrix);
    tile.invert(n, sets);
    tile.store(n, matrix);
    __syncthreads();
  }
}

// Shared memory holds the pivot's row (2,n) and column (2,n).
template <class T>
__global__ void __launch_bounds__(threads) invert_planes(Index batch, int n, T* matrices) {
  T* const row = dynamic_shared<T>();
  T* const column = row + 2 * n;
  for (Index b = blockIdx.x; b < batch; b += gridDim.x) {
    T* const re = matrices + 2 * b * n * n;
    T* const im = re + Index(n) * n;
    for (int k = 0; k < n; ++k) {
      const T pr = re[k * n + k], pi = im[k * n + k], scale = T(1) / (pr * pr + pi * pi);
      const T dr = pr * scale, di = -pi * scale;
      for (int j = threadIdx.x; j < n; j += threads) {
        const T xr = j == k ? T(1) : re[k * n + j], xi = j == k ? T(0) : im[k * n + j];
        row[j] = xr * dr - xi * di;
        row[n + j] = xr * di + xi * dr;
        column[j] = re[j * n + k];
        column[n + j] = im[j * n + k];
      }
      __syncthreads();
      for (int at = threadIdx.x; at < n * n; at += threads) {
        const int i = at / n, j = at % n;
        const T old_r = j == k ? T(0) : re[at], old_i = j == k ? T(0) : im[at];
        const T fr = column[i], fi = column[n + i];
        re[at] = i == k ? row[j] : old_r - (fr * row[j] - fi * row[n + j]);
        im[at] = i == k ? row[n + j] : old_i - (fr * row[n + j] + fi * row[j]);
      }
      __syncthreads();
    }
  }
}

template <class T, int R>
void run_in_registers(Index batch, int n, T* matrices) {
  launch("complex_inverse", invert_in_registers<T, R>,
         {dim3(grid_for(batch, 1)), dim3(threads), bytes_of_sets<T, R>}, batch, n, matrices);
}

}  // namespace

void complex_inverse_cuda(Index n, const Array& m) {
  dispatch_real(m.dtype, "complex_inverse", [&](auto zero) {
    using T = decltype(zero);
    const Index batch = m.size / (2 * n * n);
    if (batch == 0) return;
    T* const matrices = m.as<T>();
    if (n <= side * 2) return run_in_registers<T, 2>(batch, int(n), matrices);
    if (n <= side * 4) return run_in_registers<T, 4>(batch, int(n), matrices);
    if constexpr (sizeof(T) == 4)  // in float64 these registers would spill
      if (n <= side * 6) return run_in_registers<T, 6>(batch, int(n), matrices);
    const auto shared = std::size_t(4 * n) * sizeof(T);
    require(shared <= 96 * 1024, "complex_inverse: given matrices of ", n, " rows, expected at most ",
            96 * 1024 / (4 * sizeof(T)), ", use fewer channels");
    launch("complex_inverse", invert_planes<T>, {dim3(grid_for(batch, 1)), dim3(threads), shared}, batch,
           int(n), matrices);
  });
}

}  // namespace stillpoint::kernels

// Gauss-Jordan elimination on CUDA: a block keeps the pivot's row and column in shared memory and updates its
// matrix, which stays in L2.
#include "kernels/monotone/complex_inverse.h"

#include "kernels/launch/launch.h"

namespace stillpoint::kernels {
namespace {

constexpr int threads = 256;

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

}  // namespace

void complex_inverse_cuda(Index n, const Array& m) {
  dispatch_real(m.dtype, "complex_inverse", [&](auto zero) {
    using T = decltype(zero);
    const Index batch = m.size / (2 * n * n);
    if (batch == 0) return;
    const auto shared = std::size_t(4 * n) * sizeof(T);
    require(shared <= 96 * 1024, "complex_inverse: given matrices of ", n, " rows, expected at most ",
            96 * 1024 / (4 * sizeof(T)), ", use fewer channels");
    launch("complex_inverse", invert_planes<T>, {dim3(grid_for(batch, 1)), dim3(threads), shared}, batch,
           int(n), m.as<T>());
  });
}

}  // namespace stillpoint::kernels

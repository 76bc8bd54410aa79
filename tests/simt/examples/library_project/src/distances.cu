// |a|^2 + |b|^2 - 2 a b, the products by cuBLAS.
#include "distances.cuh"

namespace {
__global__ void add_norms(const float* x, float* result, int rows, int columns) {
  const int i = blockIdx.y * blockDim.y + threadIdx.y, j = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= rows || j >= rows) return;
  result[i * rows + j] += squared_norm(x + i * columns, columns) + squared_norm(x + j * columns, columns);
}
}  // namespace

void distances(const float* x, float* result, int rows, int columns, cublasHandle_t handle,
               cudaStream_t stream) {
  const float minus_two = -2.0f, zero = 0.0f;
  cublasSetStream(handle, stream);
  cublasSgemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, rows, rows, columns, &minus_two, x, columns, x, columns,
              &zero, result, rows);
  const dim3 block{16, 16}, grid((rows + 15) / 16, (rows + 15) / 16);
  add_norms<<<grid, block, 0, stream>>>(x, result, rows, columns);
}

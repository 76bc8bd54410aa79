// expect: api CUBLAS_STATUS_INVALID_VALUE
// The matrices are column-major, so that the leading dimension of A (8, 4) is at least 8.
#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstdio>
#include <vector>

int main() {
  const int m = 8, n = 6, k = 4;
  std::vector<float> host(m * k + k * n, 1.0f);
  float *a, *b, *c;
  cudaMalloc(&a, m * k * sizeof(float));
  cudaMalloc(&b, k * n * sizeof(float));
  cudaMalloc(&c, m * n * sizeof(float));
  cudaMemcpy(a, host.data(), m * k * sizeof(float), cudaMemcpyHostToDevice);
  cudaMemcpy(b, host.data(), k * n * sizeof(float), cudaMemcpyHostToDevice);
  cublasHandle_t handle;
  cublasCreate(&handle);
  const float one = 1, zero = 0;
  cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, &one, a, k, b, n, &zero, c, n);
  cudaMemcpy(host.data(), c, m * n * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", host[0]);
  cublasDestroy(handle);
  cudaFree(a);
  cudaFree(b);
  cudaFree(c);
}

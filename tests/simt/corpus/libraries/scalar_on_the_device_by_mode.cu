// expect: nothing
// CUBLAS_POINTER_MODE_DEVICE makes the handle read its scalars on the device.
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
  const float values[2] = {1, 0};
  float* scalars;
  cudaMalloc(&scalars, sizeof values);
  cudaMemcpy(scalars, values, sizeof values, cudaMemcpyHostToDevice);
  cublasSetPointerMode(handle, CUBLAS_POINTER_MODE_DEVICE);
  cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, m, n, k, scalars, a, m, b, k, scalars + 1, c, m);
  cudaFree(scalars);
  cudaMemcpy(host.data(), c, m * n * sizeof(float), cudaMemcpyDeviceToHost);
  std::printf("%g\n", host[0]);
  cublasDestroy(handle);
  cudaFree(a);
  cudaFree(b);
  cudaFree(c);
}

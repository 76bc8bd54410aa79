// expect: api cudaErrorInvalidConfiguration
// A block of 2048 threads cannot be launched; nobody asks for the error, and the old values are read.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  float* x;
  cudaMalloc(&x, 2048 * sizeof(float));
  cudaMemset(x, 0, 2048 * sizeof(float));
  fill<<<1, 2048>>>(x, 2.0f, 2048);
  float first;
  cudaMemcpy(&first, x, sizeof first, cudaMemcpyDeviceToHost);
  std::printf("%g\n", first);
  cudaFree(x);
}

// expect: sync cudaEventElapsedTime
// The time between events can be asked for only after the second one has happened.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  const int n = 1 << 14;
  float* x;
  cudaMalloc(&x, n * sizeof(float));
  cudaEvent_t start, stop;
  cudaEventCreate(&start);
  cudaEventCreate(&stop);
  cudaEventRecord(start);
  fill<<<n / 256, 256>>>(x, 1.0f, n);
  cudaEventRecord(stop);
  // The host does not wait here.
  float milliseconds = 0;
  cudaEventElapsedTime(&milliseconds, start, stop);
  std::printf("%s\n", milliseconds >= 0 ? "done" : "negative");
  cudaEventDestroy(start);
  cudaEventDestroy(stop);
  cudaFree(x);
}

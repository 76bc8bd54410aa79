// expect: nothing
// cudaStreamDestroy returns at once, and the work that is queued still runs.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  float* x;
  cudaMalloc(&x, 256 * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  fill<<<1, 256, 0, stream>>>(x, 2.0f, 256);
  cudaStreamDestroy(stream);
  float first;
  cudaMemcpy(&first, x, sizeof first, cudaMemcpyDeviceToHost);  // the legacy stream follows blocking streams
  std::printf("%g\n", first);
  cudaFree(x);
  return first == 2.0f ? 0 : 1;
}

// expect: api cudaErrorInvalidResourceHandle
// The stream was destroyed before the copy is queued on it.
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
  float host[256];
  cudaMemcpyAsync(host, x, sizeof host, cudaMemcpyDeviceToHost, stream);
  cudaDeviceSynchronize();
  cudaFree(x);
  std::printf("done\n");
}

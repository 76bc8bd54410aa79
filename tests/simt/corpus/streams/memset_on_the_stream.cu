// expect: nothing
// cudaMemsetAsync runs on the stream that uses the memory.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void add(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += x[i];
}
__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  const int n = 2048;
  float *x, *sum;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&sum, n * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  fill<<<n / 256, 256, 0, stream>>>(x, 1.0f, n);
  cudaMemsetAsync(sum, 0, n * sizeof(float), stream);
  for (int round = 0; round < 3; ++round) add<<<n / 256, 256, 0, stream>>>(x, sum, n);
  cudaStreamSynchronize(stream);
  float value;
  cudaMemcpy(&value, sum, sizeof value, cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  cudaStreamDestroy(stream);
  cudaFree(x);
  cudaFree(sum);
}

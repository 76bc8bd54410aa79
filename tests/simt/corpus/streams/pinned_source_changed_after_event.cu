// expect: nothing
// An event tells the host when the copy has read the buffer.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void add(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += x[i];
}

int main() {
  const int n = 512;
  float *x, *sum, *staging;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&sum, n * sizeof(float));
  cudaMallocHost(&staging, n * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  cudaEvent_t copied;
  cudaEventCreate(&copied);
  cudaMemsetAsync(sum, 0, n * sizeof(float), stream);
  for (int round = 0; round < 4; ++round) {
    if (round > 0) cudaEventSynchronize(copied);
    for (int i = 0; i < n; ++i) staging[i] = float(round + i);
    cudaMemcpyAsync(x, staging, n * sizeof(float), cudaMemcpyHostToDevice, stream);
    cudaEventRecord(copied, stream);
    add<<<n / 128, 128, 0, stream>>>(x, sum, n);
  }
  cudaStreamSynchronize(stream);
  float value;
  cudaMemcpy(&value, sum, sizeof value, cudaMemcpyDeviceToHost);
  std::printf("%g\n", value);
  cudaEventDestroy(copied);
  cudaStreamDestroy(stream);
  cudaFreeHost(staging);
  cudaFree(x);
  cudaFree(sum);
}

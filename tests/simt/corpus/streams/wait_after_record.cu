// expect: nothing
// The event is recorded behind the producer before the other stream waits for it.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}
__global__ void add(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += x[i];
}

int main() {
  const int n = 4096;
  float *x, *y;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&y, n * sizeof(float));
  cudaMemset(y, 0, n * sizeof(float));
  cudaDeviceSynchronize();
  cudaStream_t producer, consumer;
  cudaStreamCreateWithFlags(&producer, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&consumer, cudaStreamNonBlocking);
  cudaEvent_t ready;
  cudaEventCreateWithFlags(&ready, cudaEventDisableTiming);
  fill<<<n / 256, 256, 0, producer>>>(x, 3.0f, n);
  cudaEventRecord(ready, producer);
  cudaStreamWaitEvent(consumer, ready, 0);
  add<<<n / 256, 256, 0, consumer>>>(x, y, n);
  cudaDeviceSynchronize();
  float first;
  cudaMemcpy(&first, y, sizeof first, cudaMemcpyDeviceToHost);
  std::printf("%g\n", first);
  cudaEventDestroy(ready);
  cudaStreamDestroy(producer);
  cudaStreamDestroy(consumer);
  cudaFree(x);
  cudaFree(y);
}

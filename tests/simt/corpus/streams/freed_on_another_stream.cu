// expect: race cudaFreeAsync.*data race
// cudaFreeAsync on one stream does not wait for a kernel of the other stream that still uses the memory.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  const int n = 4096;
  cudaStream_t first, second;
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  cudaEvent_t made, used;
  cudaEventCreate(&made);
  cudaEventCreate(&used);
  float* x;
  cudaMallocAsync(&x, n * sizeof(float), first);
  cudaEventRecord(made, first);
  cudaStreamWaitEvent(second, made, 0);
  fill<<<n / 256, 256, 0, second>>>(x, 1.0f, n);
  cudaEventRecord(used, second);
  // The first stream does not wait here.
  cudaFreeAsync(x, first);
  cudaDeviceSynchronize();
  std::printf("done\n");
  cudaEventDestroy(made);
  cudaEventDestroy(used);
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
}

// expect: nothing
// An event makes the stream that frees the memory wait for the kernel.
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
  cudaStreamWaitEvent(first, used, 0);
  cudaFreeAsync(x, first);
  cudaDeviceSynchronize();
  std::printf("done\n");
  cudaEventDestroy(made);
  cudaEventDestroy(used);
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
}

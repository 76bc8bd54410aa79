// expect: race data race
// Memory of cudaMallocAsync exists only behind the stream that allocates; the other stream does not wait for
// it.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  const int n = 1024;
  cudaStream_t first, second;
  cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking);
  cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking);
  float* x;
  cudaMallocAsync(&x, n * sizeof(float), first);
  fill<<<n / 256, 256, 0, second>>>(x, 1.0f, n);
  cudaStreamSynchronize(second);
  cudaFreeAsync(x, second);
  cudaDeviceSynchronize();
  std::printf("done\n");
  cudaStreamDestroy(first);
  cudaStreamDestroy(second);
}

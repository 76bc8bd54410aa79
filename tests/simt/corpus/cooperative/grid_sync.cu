// expect: nothing
// All blocks write, meet, and read what other blocks wrote.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void phases(int* x, int* y) {
  y[blockIdx.x * 8 + threadIdx.x] = int(blockIdx.x);
  cooperative_groups::this_grid().sync();
  x[blockIdx.x * 8 + threadIdx.x] = y[(gridDim.x - 1 - blockIdx.x) * 8 + threadIdx.x];
}

int main() {
  const int n = 64;
  int *x, *y;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  cudaMalloc(&y, n * sizeof(int));
  cudaMemset(y, 0, n * sizeof(int));
  void* arguments[] = {&x, &y};
  cudaLaunchCooperativeKernel((void*)phases, dim3(8), dim3(8), arguments, 0, 0);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  cudaFree(y);
  return host[0] == 7 ? 0 : 1;
}

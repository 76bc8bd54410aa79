// expect: sync deadlock
// One block does not come to the barrier of the grid.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void phases(int* x) {
  x[blockIdx.x * 8 + threadIdx.x] = 1;
  if (blockIdx.x != 3) cooperative_groups::this_grid().sync();
  x[blockIdx.x * 8 + threadIdx.x] += 1;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  void* arguments[] = {&x};
  cudaLaunchCooperativeKernel((void*)phases, dim3(8), dim3(8), arguments, 0, 0);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

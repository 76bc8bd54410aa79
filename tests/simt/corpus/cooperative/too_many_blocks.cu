// expect: api [Cc]ooperative
// A cooperative launch with more blocks than the device holds at once fails, and nobody looks at the error.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void phases(int* x) {
  cooperative_groups::this_grid().sync();
  if (blockIdx.x == 0) x[threadIdx.x] = 1;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  void* arguments[] = {&x};
  cudaLaunchCooperativeKernel((void*)phases, dim3(100000), dim3(64), arguments, 0, 0);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return 0;
}

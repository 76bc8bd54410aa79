// expect: sync barrier divergence
// The group of a block is synchronised by only some of its threads.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void sums(int* x) {
  auto block = cooperative_groups::this_thread_block();
  if (block.thread_rank() < 16) block.sync();
  x[threadIdx.x] = 1;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  sums<<<1, 64>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

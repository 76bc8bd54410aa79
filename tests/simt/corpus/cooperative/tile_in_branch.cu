// expect: sync mask|lane
// A tile of 32 threads shuffles in a branch that only half of it takes.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void sums(int* x) {
  auto tile = cooperative_groups::tiled_partition<32>(cooperative_groups::this_thread_block());
  int value = int(threadIdx.x);
  if (tile.thread_rank() < 16) value = tile.shfl(value, 0);
  x[threadIdx.x] = value;
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

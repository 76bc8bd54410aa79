// expect: nothing
// Tiles of 8 threads add up their values.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void sums(int* x) {
  auto tile = cooperative_groups::tiled_partition<8>(cooperative_groups::this_thread_block());
  int value = int(threadIdx.x);
  for (int step = tile.size() / 2; step > 0; step /= 2) value += tile.shfl_xor(value, step);
  if (tile.thread_rank() == 0) x[tile.meta_group_rank()] = value;
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
  return host[1] == 92 ? 0 : 1;
}

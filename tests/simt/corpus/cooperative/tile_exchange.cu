// expect: nothing
// Threads of a tile exchange values through shared memory, and the tile meets between.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void reverse(int* x) {
  __shared__ int tile[64];
  auto group = cooperative_groups::tiled_partition<16>(cooperative_groups::this_thread_block());
  tile[threadIdx.x] = int(threadIdx.x);
  group.sync();
  x[threadIdx.x] = tile[threadIdx.x ^ 15];
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  reverse<<<1, 64>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return host[0] == 15 ? 0 : 1;
}

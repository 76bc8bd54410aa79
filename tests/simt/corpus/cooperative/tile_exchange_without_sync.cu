// expect: race|init data race|never written
// Threads of a tile exchange values through shared memory, and the tile does not meet.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void reverse(int* x) {
  __shared__ int tile[64];
  auto group = cooperative_groups::tiled_partition<16>(cooperative_groups::this_thread_block());
  tile[threadIdx.x] = int(threadIdx.x);
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
  return error == cudaSuccess ? 0 : 1;
}

// expect: nothing
// All threads call a function with a barrier, twice one after the other.
#include <cstdio>

__device__ __noinline__ int exchange(int* tile, int value) {
  tile[threadIdx.x] = value;
  __syncthreads();
  const int other = tile[63 - threadIdx.x];
  __syncthreads();
  return other;
}
__global__ void twice(int* x) {
  __shared__ int tile[64];
  x[threadIdx.x] = exchange(tile, exchange(tile, int(threadIdx.x)) + 1);
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  twice<<<1, 64>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return host[0] == 1 ? 0 : 1;
}

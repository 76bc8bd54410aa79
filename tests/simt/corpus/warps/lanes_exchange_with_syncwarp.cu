// expect: nothing
// Lanes of a warp exchange values through shared memory with __syncwarp.
#include <cstdio>

__global__ void reverse(int* x) {
  __shared__ int tile[32];
  tile[threadIdx.x] = int(threadIdx.x);
  __syncwarp();
  x[threadIdx.x] = tile[31 - threadIdx.x];
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  reverse<<<1, 32>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return host[0] == 31 ? 0 : 1;
}

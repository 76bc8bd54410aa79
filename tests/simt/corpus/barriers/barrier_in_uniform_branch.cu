// expect: nothing
// A barrier in a branch that all threads of a block take, or none.
#include <cstdio>

__global__ void sums(int* x) {
  __shared__ int tile[32];
  if (blockIdx.x % 2 == 0) {
    tile[threadIdx.x] = int(threadIdx.x);
    __syncthreads();
    x[blockIdx.x * 32 + threadIdx.x] = tile[31 - threadIdx.x];
  }
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  sums<<<2, 32>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return host[0] == 31 ? 0 : 1;
}

// expect: sync barrier divergence
// Only half of the block comes to the barrier; the other half goes past it. By the programming guide
// __syncthreads may stand in a branch only if all threads of the block take it.
#include <cstdio>

__global__ void sums(int* x) {
  __shared__ int tile[64];
  tile[threadIdx.x] = int(threadIdx.x);
  if (threadIdx.x < 32) {
    tile[threadIdx.x] += 1;
    __syncthreads();
    x[threadIdx.x] = tile[threadIdx.x];
  }
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

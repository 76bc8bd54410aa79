// expect: sync barrier divergence|deadlock
// One warp has a barrier that the others do not have, so that it meets the next one of the others.
#include <cstdio>

__global__ void warps(int* x) {
  __shared__ int total;
  if (threadIdx.x < 32) {
    if (threadIdx.x == 0) total = 7;
    __syncthreads();
  }
  x[threadIdx.x] = 1;
  __syncthreads();
  x[threadIdx.x] = total;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  warps<<<1, 64>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

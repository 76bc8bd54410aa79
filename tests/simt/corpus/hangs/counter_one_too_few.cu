// expect: sync hang
// The last block waits for one arrival more than there are blocks.
#include <cstdio>

__global__ void meet(int* x, int* arrived) {
  atomicAdd(arrived, 1);
  while (atomicAdd(arrived, 0) < int(gridDim.x) + 1) {
  }
  x[blockIdx.x] = 1;
}

int main() {
  const int n = 64;
  int *x, *arrived;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  cudaMalloc(&arrived, n * sizeof(int));
  cudaMemset(arrived, 0, n * sizeof(int));
  meet<<<4, 1>>>(x, arrived);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  cudaFree(arrived);
  return error == cudaSuccess ? 0 : 1;
}

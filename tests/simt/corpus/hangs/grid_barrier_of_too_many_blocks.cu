// expect: sync hang
// Blocks wait for all others, and more of them were launched than any device holds at once: those that wait
// keep out those that they wait for.
#include <cstdio>

__global__ void meet(int* x, int* arrived) {
  __syncthreads();
  if (threadIdx.x == 0) {
    atomicAdd(arrived, 1);
    while (atomicAdd(arrived, 0) < int(gridDim.x)) {
    }
  }
  __syncthreads();
  if (blockIdx.x == 0) x[threadIdx.x] = 1;
}

int main() {
  const int n = 64;
  int *x, *arrived;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  cudaMalloc(&arrived, n * sizeof(int));
  cudaMemset(arrived, 0, n * sizeof(int));
  meet<<<20000, 32>>>(x, arrived);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  cudaFree(arrived);
  return error == cudaSuccess ? 0 : 1;
}

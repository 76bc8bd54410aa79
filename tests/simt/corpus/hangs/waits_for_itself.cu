// expect: sync hang
// The thread that sets the flag waits for it first.
#include <cstdio>

__global__ void waits(int* x, int* flag) {
  if (threadIdx.x == 0) {
    while (atomicAdd(flag, 0) == 0) {
    }
    atomicExch(flag, 1);
  }
  x[threadIdx.x] = 1;
}

int main() {
  const int n = 64;
  int *x, *flag;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  cudaMalloc(&flag, n * sizeof(int));
  cudaMemset(flag, 0, n * sizeof(int));
  waits<<<1, 32>>>(x, flag);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  cudaFree(flag);
  return error == cudaSuccess ? 0 : 1;
}

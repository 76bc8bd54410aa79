// expect: nothing
// Block 0 waits for a flag of the last block; few blocks are on the device at once, so that this ends.
#include <cstdio>

__global__ void waits(int* x, int* flag) {
  if (blockIdx.x == gridDim.x - 1) {
    x[1] = 41;
    __threadfence();
    atomicExch(flag, 1);
  } else if (blockIdx.x == 0) {
    while (atomicAdd(flag, 0) == 0) {
    }
    __threadfence();
    x[0] = x[1] + 1;
  }
}

int main() {
  const int n = 64;
  int *x, *flag;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  cudaMalloc(&flag, n * sizeof(int));
  cudaMemset(flag, 0, n * sizeof(int));
  waits<<<4, 1>>>(x, flag);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  cudaFree(flag);
  return host[0] == 42 ? 0 : 1;
}

// expect: sync hang
// A thread waits for a flag that nobody sets, because the condition of the writer never holds.
#include <cstdio>

__global__ void waits(int* x, volatile int* flag) {
  if (threadIdx.x == blockDim.x) *flag = 1;
  if (threadIdx.x == 0) {
    while (*flag == 0) {
    }
    x[0] = 1;
  }
}

int main() {
  const int n = 64;
  int *x, *flag;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  cudaMalloc(&flag, n * sizeof(int));
  cudaMemset(flag, 0, n * sizeof(int));
  waits<<<1, 64>>>(x, flag);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  cudaFree(flag);
  return error == cudaSuccess ? 0 : 1;
}

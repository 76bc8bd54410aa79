// expect: nothing
// A thread waits for a flag that never comes, and gives up by the clock.
#include <cstdio>

__global__ void waits(int* x, volatile int* flag) {
  const long long start = clock64();
  while (*flag == 0 && clock64() - start < 100000) {
  }
  x[threadIdx.x] = 1 + *flag;
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
  return host[0] == 1 ? 0 : 1;
}

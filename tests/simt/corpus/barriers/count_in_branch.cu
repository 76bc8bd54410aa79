// expect: sync barrier divergence
// A counting barrier counts the threads of the whole block, and only some of them come to it.
#include <cstdio>

__global__ void counts(int* x) {
  int positive = 0;
  if (threadIdx.x % 2 == 0) positive = __syncthreads_count(threadIdx.x > 10);
  x[threadIdx.x] = positive;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  counts<<<1, 64>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

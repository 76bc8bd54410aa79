// expect: nothing
// The lanes that have an element find each other by a vote, and shuffle only among themselves.
#include <cstdio>

__global__ void sums(int* x, int n) {
  const int i = blockIdx.x * 32 + threadIdx.x;
  const unsigned mask = __ballot_sync(0xffffffffu, i < n);
  if (i < n) x[i] = __shfl_sync(mask, i, 0) + __popc(mask);
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  sums<<<2, 32>>>(x, 44);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return host[40] == 44 ? 0 : 1;
}

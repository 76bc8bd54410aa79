// expect: sync mask|lane
// The mask was asked for before the branch, so that it names lanes that do not come.
#include <cstdio>

__global__ void sums(int* x) {
  const unsigned mask = __activemask();
  int value = int(threadIdx.x);
  if (threadIdx.x % 2 == 0) value = __shfl_sync(mask, value, 0);
  x[threadIdx.x] = value;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  sums<<<1, 32>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

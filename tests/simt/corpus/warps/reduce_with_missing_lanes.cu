// expect: sync mask|lane
// __reduce_add_sync names lanes that are not in the branch.
#include <cstdio>

__global__ void sums(int* x) {
  int value = 1;
  if (threadIdx.x >= 8) value = __reduce_add_sync(0xffffffffu, value);
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

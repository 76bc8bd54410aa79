// expect: nothing
// Lanes with one key find each other by __match_any_sync and add up their values.
#include <cstdio>

__global__ void groups(int* x) {
  const unsigned same = __match_any_sync(0xffffffffu, threadIdx.x % 4);
  x[threadIdx.x] = __reduce_add_sync(same, int(threadIdx.x));
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  groups<<<1, 32>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return host[1] == 120 ? 0 : 1;
}

// expect: sync collective|lane|mask
// The sides of a branch use different collectives with the same mask.
#include <cstdio>

__global__ void sides(int* x) {
  if (threadIdx.x < 16)
    x[threadIdx.x] = __any_sync(0xffffffffu, threadIdx.x == 3);
  else
    x[threadIdx.x] = __shfl_sync(0xffffffffu, int(threadIdx.x), 20);
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  sides<<<1, 32>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

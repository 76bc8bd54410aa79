// expect: race|init data race|never written
// The halves of a warp meet separately, and then read what the other half wrote.
#include <cstdio>

__global__ void reverse(int* x) {
  __shared__ int tile[32];
  tile[threadIdx.x] = int(threadIdx.x);
  __syncwarp(threadIdx.x < 16 ? 0x0000ffffu : 0xffff0000u);
  x[threadIdx.x] = tile[31 - threadIdx.x];
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  reverse<<<1, 32>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

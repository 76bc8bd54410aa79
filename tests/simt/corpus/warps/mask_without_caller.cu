// expect: sync mask
// All lanes vote with a mask of only some of them.
#include <cstdio>

__global__ void votes(unsigned* x) { x[threadIdx.x] = __ballot_sync(0x00ffffffu, threadIdx.x % 2); }

int main() {
  const int n = 64;
  unsigned* x;
  cudaMalloc(&x, n * sizeof(unsigned));
  cudaMemset(x, 0, n * sizeof(unsigned));
  votes<<<1, 32>>>(x);
  unsigned host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

// expect: nothing
// A loop with barriers that all threads leave together, because they read one shared flag between two
// barriers.
#include <cstdio>

__global__ void halve(int* x) {
  __shared__ int left;
  if (threadIdx.x == 0) left = 40;
  int rounds = 0;
  while (true) {
    __syncthreads();
    const int now = left;
    __syncthreads();
    if (now == 0) break;
    ++rounds;
    if (threadIdx.x == 0) left = now / 2;
  }
  x[threadIdx.x] = rounds;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  halve<<<1, 64>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return host[5] == 6 ? 0 : 1;
}

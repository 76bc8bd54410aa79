// expect: nothing
// Barriers that count, and combine predicates.
#include <cstdio>

__global__ void counts(int* x) {
  const int many = __syncthreads_count(threadIdx.x >= 10);
  const int any = __syncthreads_or(threadIdx.x == 63), all = __syncthreads_and(threadIdx.x < 64);
  x[threadIdx.x] = many + 100 * (any != 0) + 200 * (all != 0);
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
  return host[0] == 354 ? 0 : 1;
}

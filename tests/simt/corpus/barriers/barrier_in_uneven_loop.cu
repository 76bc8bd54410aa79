// expect: sync barrier divergence
// The barrier is in a strided loop of which the last round is not for all threads: n is no multiple of the
// block.
#include <cstdio>

__global__ void rounds(int* x, int n) {
  __shared__ int tile[32];
  for (int i = threadIdx.x; i < n; i += 32) {
    tile[threadIdx.x] = i;
    __syncthreads();
    x[i] = tile[threadIdx.x];
    __syncthreads();
  }
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  rounds<<<1, 32>>>(x, 50);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

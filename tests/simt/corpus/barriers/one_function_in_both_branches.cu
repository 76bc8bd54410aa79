// expect: sync barrier divergence
// Both sides of a branch call one function with a barrier. These are two barriers, though there is one line
// of source.
#include <cstdio>

__device__ __noinline__ void publish(int* x, int value) {
  x[threadIdx.x] = value;
  __syncthreads();
}
__global__ void sides(int* x) {
  if (threadIdx.x < 32) {
    publish(x, 1);
  } else {
    publish(x, 2);
  }
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  sides<<<1, 64>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

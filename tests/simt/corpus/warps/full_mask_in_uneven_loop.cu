// expect: sync mask|lane
// The last round of a strided loop is only for some lanes, which shuffle with a mask of all.
#include <cstdio>

__global__ void sums(int* x, int n) {
  for (int i = threadIdx.x; i < n; i += 32) {
    int value = i;
    for (int step = 16; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
    x[i] = value;
  }
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  sums<<<1, 32>>>(x, 44);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

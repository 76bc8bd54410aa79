// expect: nothing
// A loop with barriers whose length is the same for all threads; the tail is a condition inside of it.
#include <cstdio>

__global__ void rounds(int* x, int n) {
  __shared__ int tile[32];
  for (int start = 0; start < n; start += 32) {
    const int i = start + threadIdx.x;
    if (i < n) tile[threadIdx.x] = i;
    __syncthreads();
    if (i < n && (31 ^ threadIdx.x) + start < n) x[i] = tile[31 ^ threadIdx.x];
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
  return host[0] == 31 ? 0 : 1;
}

// expect: nothing
// Threads without work return before the barrier. Since Volta a barrier waits for all threads that have not
// exited. SIMT_EXITED=refuse reports it.
#include <cstdio>

__global__ void reverse(int* x, int n) {
  __shared__ int tile[64];
  const int i = threadIdx.x;
  if (i >= n) return;
  tile[i] = i;
  __syncthreads();
  x[i] = tile[n - 1 - i];
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  reverse<<<1, 64>>>(x, 50);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return host[0] == 49 ? 0 : 1;
}

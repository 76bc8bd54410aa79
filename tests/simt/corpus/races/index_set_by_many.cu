// expect: race wrote it
// Several threads find the value, and each stores another index: which one stays is undefined.
#include <cstdio>

__global__ void search(const int* x, int n, int wanted, int* found) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && x[i] == wanted) *found = i;
}

int main() {
  const int n = 1000;
  int *x, *found, host = 0;
  cudaMalloc(&x, n * sizeof(int));
  cudaMalloc(&found, sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  cudaMemset(found, 0, sizeof(int));
  search<<<4, 256>>>(x, n, 0, found);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaMemcpy(&host, found, sizeof host, cudaMemcpyDeviceToHost);
  cudaFree(x);
  cudaFree(found);
  return error == cudaSuccess ? 0 : 1;
}

// expect: nothing
// A barrier is between the block's additions and the read.
#include <cstdio>

__global__ void total(const int* x, int* sum, int* out) {
  atomicAdd(sum, x[threadIdx.x]);
  __syncthreads();
  if (threadIdx.x == 0) *out = *sum;
}

int main() {
  int *x, *sum, *out;
  cudaMalloc(&x, 128 * sizeof(int));
  cudaMalloc(&sum, sizeof(int));
  cudaMalloc(&out, sizeof(int));
  cudaMemset(x, 0, 128 * sizeof(int));
  cudaMemset(sum, 0, sizeof(int));
  total<<<1, 128>>>(x, sum, out);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(sum);
  cudaFree(out);
  return error == cudaSuccess ? 0 : 1;
}

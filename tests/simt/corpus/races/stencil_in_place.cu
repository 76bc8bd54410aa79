// expect: race nothing orders the two
// Each thread overwrites an element that its neighbours read, in its own and in the next block.
#include <cstdio>

__global__ void smooth(float* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i > 0 && i < n - 1) x[i] = 0.25f * x[i - 1] + 0.5f * x[i] + 0.25f * x[i + 1];
}

int main() {
  const int n = 500;
  float* x;
  cudaMalloc(&x, n * sizeof(float));
  cudaMemset(x, 0, n * sizeof(float));
  smooth<<<4, 128>>>(x, n);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

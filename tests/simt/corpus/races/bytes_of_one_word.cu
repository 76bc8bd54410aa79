// expect: nothing
// Threads write different bytes of one word: bytes are memory locations of their own.
#include <cstdio>

__global__ void threshold(const float* x, unsigned char* mask, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) mask[i] = x[i] > 0.5f;
}
__global__ void invert(unsigned char* mask, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) mask[i] = !mask[i];
}

int main() {
  const int n = 999;
  float* x;
  unsigned char* mask;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&mask, n);
  cudaMemset(x, 0, n * sizeof(float));
  threshold<<<8, 125>>>(x, mask, n);
  invert<<<8, 125>>>(mask, n);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(mask);
  return error == cudaSuccess ? 0 : 1;
}

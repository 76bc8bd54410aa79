// expect: race of another block
// The blocks' ranges overlap by one element, which two blocks write with different values.
#include <cstdio>

__global__ void fill(float* y, int each) {
  float* own = y + blockIdx.x * (each - 1);
  own[threadIdx.x] = blockIdx.x + 0.5f * threadIdx.x;
}

int main() {
  float* y;
  cudaMalloc(&y, 256 * sizeof(float));
  fill<<<2, 128>>>(y, 128);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(y);
  return error == cudaSuccess ? 0 : 1;
}

// expect: bounds out of bounds.*freed allocation
// The buffer is freed before the second kernel uses it. Hardware: an illegal address, or somebody else's
// data.
#include <cstdio>

__global__ void fill(float* x, float value) { x[threadIdx.x] = value; }

int main() {
  float *x, *y;
  cudaMalloc(&x, 64 * sizeof(float));
  fill<<<1, 64>>>(x, 1.0f);
  cudaFree(x);
  cudaMalloc(&y, 64 * sizeof(float));
  fill<<<1, 64>>>(x, 2.0f);
  cudaDeviceSynchronize();
  cudaFree(y);
}

// expect: bounds no pointer to this allocation
// The index is the distance from one allocation to another. C++ defines no such difference; on the device the
// store lands in memory that the kernel was not given.
#include <cstdio>

__global__ void fill(float* x, long first) { x[first + threadIdx.x] = 1.0f; }

int main() {
  const int n = 256;
  float *x, *y;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&y, n * sizeof(float));
  cudaMemset(x, 0, n * sizeof(float));
  cudaMemset(y, 0, n * sizeof(float));
  fill<<<1, 32>>>(x, y - x);
  const cudaError_t error = cudaDeviceSynchronize();
  std::printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(y);
  return error == cudaSuccess ? 0 : 1;
}

// expect: bounds out of bounds
// The kernel uses the stride of a larger matrix, so that its rows land behind its own array, where another
// lives. Hardware: it damages the other array.
#include <cstdio>

__global__ void clear_rows(float* matrix, int stride, int width) {
  matrix[blockIdx.x * stride + threadIdx.x % width] = 0.0f;
}

int main() {
  const int rows = 32, narrow = 64, wide = 96;
  float *a, *b;
  cudaMalloc(&a, rows * narrow * sizeof(float));
  cudaMalloc(&b, rows * wide * sizeof(float));
  cudaMemset(a, 1, rows * narrow * sizeof(float));
  cudaMemset(b, 1, rows * wide * sizeof(float));
  clear_rows<<<rows, narrow>>>(a, wide, narrow);
  float last = 0.0f;
  cudaMemcpy(&last, b, sizeof last, cudaMemcpyDeviceToHost);
  std::printf("%g\n", last);
  cudaFree(a);
  cudaFree(b);
}

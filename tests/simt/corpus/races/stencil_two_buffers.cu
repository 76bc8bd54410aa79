// expect: nothing
// Every step reads one buffer and writes the other one; launches on one stream are ordered.
#include <cstdio>
#include <utility>

__global__ void smooth(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  y[i] = i > 0 && i < n - 1 ? 0.25f * x[i - 1] + 0.5f * x[i] + 0.25f * x[i + 1] : x[i];
}

int main() {
  const int n = 500;
  float *x, *y;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&y, n * sizeof(float));
  cudaMemset(x, 0, n * sizeof(float));
  for (int step = 0; step < 5; ++step) {
    smooth<<<4, 128>>>(x, y, n);
    std::swap(x, y);
  }
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(y);
  return error == cudaSuccess ? 0 : 1;
}

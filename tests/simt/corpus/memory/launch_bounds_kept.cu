// expect: nothing
// 128 threads for a kernel that is compiled for 128.
#include <cstdio>

__global__ void __launch_bounds__(128) scale(float* x) { x[threadIdx.x] *= 2.0f; }

int main() {
  float* x;
  cudaMalloc(&x, 1024 * sizeof(float));
  cudaMemset(x, 0, 1024 * sizeof(float));
  scale<<<1, 128>>>(x);
  cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) std::printf("scale: %s\n", cudaGetErrorName(error));
  cudaDeviceSynchronize();
  cudaFree(x);
}

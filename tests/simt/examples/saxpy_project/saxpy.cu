// y += a x.
#include "saxpy.h"

__global__ void saxpy_kernel(int n, float a, const float* __restrict__ x, float* __restrict__ y) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += blockDim.x * gridDim.x) y[i] += a * x[i];
}

cudaError_t saxpy(float a, const std::vector<float>& x, std::vector<float>& y, cudaStream_t stream) {
  const size_t bytes = x.size() * sizeof(float);
  float *dx = nullptr, *dy = nullptr;
  cudaMalloc(&dx, bytes);
  cudaMalloc(&dy, bytes);
  cudaMemcpyAsync(dx, x.data(), bytes, cudaMemcpyHostToDevice, stream);
  cudaMemcpyAsync(dy, y.data(), bytes, cudaMemcpyHostToDevice, stream);
  saxpy_kernel<<<4, 128, 0, stream>>>(int(x.size()), a, dx, dy);
  cudaMemcpyAsync(y.data(), dy, bytes, cudaMemcpyDeviceToHost, stream);
  const cudaError_t error = cudaStreamSynchronize(stream);
  cudaFree(dx);
  cudaFree(dy);
  return error;
}

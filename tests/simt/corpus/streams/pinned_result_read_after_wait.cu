// expect: nothing
// The host waits for the stream before it reads the result.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}

int main() {
  const int n = 1024;
  float *x, *result;
  cudaMalloc(&x, n * sizeof(float));
  cudaMallocHost(&result, n * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreate(&stream);
  fill<<<n / 128, 128, 0, stream>>>(x, 5.0f, n);
  cudaMemcpyAsync(result, x, n * sizeof(float), cudaMemcpyDeviceToHost, stream);
  cudaStreamSynchronize(stream);
  double sum = 0;
  for (int i = 0; i < n; ++i) sum += result[i];
  std::printf("%g\n", sum);
  cudaStreamSynchronize(stream);
  cudaStreamDestroy(stream);
  cudaFreeHost(result);
  cudaFree(x);
}

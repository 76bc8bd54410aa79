// expect: race data race
// A non-blocking stream does not wait for the legacy default stream.
#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>

__global__ void fill(float* x, float value, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] = value;
}
__global__ void add(const float* x, float* y, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += x[i];
}

int main() {
  const int n = 1000;
  float *x, *y;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&y, n * sizeof(float));
  cudaStream_t stream;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  fill<<<4, 256>>>(x, 1.0f, n);
  fill<<<4, 256, 0, stream>>>(y, 2.0f, n);
  add<<<4, 256, 0, stream>>>(x, y, n);
  cudaStreamSynchronize(stream);
  float last;
  cudaMemcpy(&last, y + n - 1, sizeof last, cudaMemcpyDeviceToHost);
  std::printf("%g\n", last);
  cudaStreamDestroy(stream);
  cudaFree(x);
  cudaFree(y);
}

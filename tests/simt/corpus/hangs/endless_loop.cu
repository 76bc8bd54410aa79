// expect: sync hang
// A loop over floating-point numbers passes by the value that would end it.
#include <cstdio>

__global__ void steps(float* x) {
  float at = 0;
  int count = 0;
  while (at != 1.0f) {
    at += 0.1f;
    ++count;
  }
  x[threadIdx.x] = float(count);
}

int main() {
  const int n = 64;
  float* x;
  cudaMalloc(&x, n * sizeof(float));
  cudaMemset(x, 0, n * sizeof(float));
  steps<<<1, 1>>>(x);
  float host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

// expect: api cudaErrorInvalidValue
// The copy is longer than the variable. Hardware: the call fails.
#include <cstdio>

__constant__ float coefficients[4];
__device__ float results[64];
__device__ unsigned calls = 0;

__global__ void evaluate(float step) {
  float x = step * threadIdx.x, y = 0.0f;
  for (int i = 3; i >= 0; --i) y = y * x + coefficients[i];
  results[threadIdx.x] = y;
  atomicAdd(&calls, 1u);
}

int main() {
  const float polynomial[4] = {1.0f, 0.0f, 2.0f, 0.5f};
  float h[64];
  unsigned count = 0;
  cudaMemcpyToSymbol(coefficients, polynomial, sizeof polynomial, sizeof(float));
  evaluate<<<1, 64>>>(0.25f);
  cudaMemcpyFromSymbol(h, results, sizeof h);
  cudaMemcpyFromSymbol(&count, calls, sizeof count);
  std::printf("%g %u\n", h[4], count);
}

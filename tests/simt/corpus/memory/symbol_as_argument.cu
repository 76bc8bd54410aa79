// expect: bounds host's address of
// The kernel gets the host's address of a device variable. Hardware: an illegal address.
#include <cstdio>

__device__ float table[32];

__global__ void fill(float* x) { x[threadIdx.x] = 1.0f; }

int main() {
  fill<<<1, 32>>>(table);
  cudaDeviceSynchronize();
  float h[32];
  cudaMemcpyFromSymbol(h, table, sizeof h);
  std::printf("%g\n", h[0]);
}

// expect: api cudaErrorInvalidValue
// The pointer was moved on before it is freed. Hardware: the call fails and the memory stays.
#include <cstdio>

__global__ void fill(int* x) { x[threadIdx.x] = 1; }

int main() {
  int* x;
  cudaMalloc(&x, 128 * sizeof(int));
  for (int part = 0; part < 2; ++part, x += 64) fill<<<1, 64>>>(x);
  cudaDeviceSynchronize();
  cudaFree(x - 64);
}

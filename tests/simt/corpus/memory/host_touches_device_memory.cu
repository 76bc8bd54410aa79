// expect: order host code touched device memory
// The host writes through a device pointer. Hardware: a segmentation fault.
#include <cstdio>

__global__ void twice(int* x) { x[threadIdx.x] *= 2; }

int main() {
  int* x;
  cudaMalloc(&x, 32 * sizeof(int));
  for (int i = 0; i < 32; ++i) x[i] = i;
  twice<<<1, 32>>>(x);
  cudaDeviceSynchronize();
  cudaFree(x);
}

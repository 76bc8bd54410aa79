// expect: nothing
// All threads of a launch take the same one of the two calls on the line.
#include <cstdio>

__device__ void step(int* s) {
  s[threadIdx.x] += 1;
  __syncthreads();
}

// clang-format off
__global__ void both(int* x, int n) {
  __shared__ int s[64];
  s[threadIdx.x] = threadIdx.x;
  if (n % 2 == 0) step(s); else step(s);
  x[threadIdx.x] = s[threadIdx.x];
}
// clang-format on

int main() {
  int* x;
  cudaMalloc(&x, 64 * sizeof(int));
  both<<<1, 64>>>(x, 64);
  both<<<1, 64>>>(x, 63);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cudaFree(x);
  return 0;
}

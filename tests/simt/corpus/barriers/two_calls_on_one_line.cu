// expect: sync barrier divergence: .* another call on the same line
// needs: eu-addr2line
// The two branches of a condition call the same function with a barrier, on one line. These are two barriers,
// and not all threads of the block come to either of them.
#include <cstdio>

__device__ void step(int* s) {
  s[threadIdx.x] += 1;
  __syncthreads();
}

// clang-format off
__global__ void both(int* x) {
  __shared__ int s[64];
  s[threadIdx.x] = threadIdx.x;
  if (threadIdx.x % 2 == 0) step(s); else step(s);
  x[threadIdx.x] = s[threadIdx.x];
}
// clang-format on

int main() {
  int* x;
  cudaMalloc(&x, 64 * sizeof(int));
  both<<<1, 64>>>(x);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cudaFree(x);
  return 0;
}

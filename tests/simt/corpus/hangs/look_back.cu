// expect: nothing
// Each block adds what the block before it published; a ticket says which one that is, so that it has begun.
#include <cstdio>

__global__ void scan(int* sums, int* state) {
  __shared__ int own;
  if (threadIdx.x == 0) {
    own = atomicAdd(&state[63], 1);
    int before = 0;
    if (own > 0) {
      while (atomicAdd(&state[own - 1], 0) == 0) __nanosleep(20);
      __threadfence();
      before = sums[own - 1];
    }
    sums[own] = before + own + 1;
    __threadfence();
    atomicExch(&state[own], 1);
  }
}

int main() {
  const int n = 64;
  int *sums, *state;
  cudaMalloc(&sums, n * sizeof(int));
  cudaMemset(sums, 0, n * sizeof(int));
  cudaMalloc(&state, n * sizeof(int));
  cudaMemset(state, 0, n * sizeof(int));
  scan<<<40, 32>>>(sums, state);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, sums, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(sums);
  cudaFree(state);
  return host[39] == 820 ? 0 : 1;
}

// expect: nothing
// One lane adds for all lanes that are in the branch with it.
#include <cstdio>

__global__ void filter(int* x, int* count) {
  if (threadIdx.x % 3 == 0) {
    const unsigned mask = __activemask();
    const int leader = __ffs(int(mask)) - 1, lane = threadIdx.x % 32;
    int base = 0;
    if (lane == leader) base = atomicAdd(count, __popc(mask));
    base = __shfl_sync(mask, base, leader);
    x[base + __popc(mask & ((1u << lane) - 1))] = 1 + threadIdx.x;
  }
}

int main() {
  const int n = 64;
  int *x, *count;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  cudaMalloc(&count, n * sizeof(int));
  cudaMemset(count, 0, n * sizeof(int));
  filter<<<1, 64>>>(x, count);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  cudaFree(count);
  return host[21] != 0 && host[22] == 0 ? 0 : 1;
}

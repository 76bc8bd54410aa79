// expect: nothing
// The threads of a branch form a group, and its first one adds for all.
#include <cooperative_groups.h>
#include <cstdio>

__global__ void filter(int* x, int* count) {
  if (threadIdx.x % 5 == 1) {
    auto group = cooperative_groups::coalesced_threads();
    int base = 0;
    if (group.thread_rank() == 0) base = atomicAdd(count, int(group.size()));
    base = group.shfl(base, 0);
    x[base + group.thread_rank()] = 1;
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
  return host[12] == 1 && host[13] == 0 ? 0 : 1;
}

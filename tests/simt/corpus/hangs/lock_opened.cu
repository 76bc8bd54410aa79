// expect: nothing
// Every thread of a warp takes a lock in turn. Since Volta each lane makes progress of its own.
#include <cstdio>

__global__ void adds(int* sum, int* lock) {
  while (atomicCAS(lock, 0, 1) != 0) {
  }
  __threadfence();
  *sum += 1;
  __threadfence();
  atomicExch(lock, 0);
}

int main() {
  const int n = 64;
  int *sum, *lock;
  cudaMalloc(&sum, n * sizeof(int));
  cudaMemset(sum, 0, n * sizeof(int));
  cudaMalloc(&lock, n * sizeof(int));
  cudaMemset(lock, 0, n * sizeof(int));
  adds<<<4, 64>>>(sum, lock);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, sum, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(sum);
  cudaFree(lock);
  return host[0] == 256 ? 0 : 1;
}

// expect: sync hang
// The lock is given back only if there was room; otherwise whoever wants it next waits forever.
#include <cstdio>

__global__ void push(int* list, int* lock) {
  while (atomicCAS(lock, 0, 1) != 0) {
  }
  __threadfence();
  const int count = list[0];
  if (count < 8) {
    list[0] = count + 1;
    __threadfence();
    atomicExch(lock, 0);
  }
}

int main() {
  const int n = 64;
  int *list, *lock;
  cudaMalloc(&list, n * sizeof(int));
  cudaMemset(list, 0, n * sizeof(int));
  cudaMalloc(&lock, n * sizeof(int));
  cudaMemset(lock, 0, n * sizeof(int));
  push<<<16, 1>>>(list, lock);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, list, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(list);
  cudaFree(lock);
  return error == cudaSuccess ? 0 : 1;
}

// expect: sync hang
// A function that holds the lock calls another one that takes it again.
#include <cstdio>

__device__ void take(int* lock) {
  while (atomicCAS(lock, 0, 1) != 0) {
  }
}
__device__ void add(int* sum, int* lock) {
  take(lock);
  *sum += 1;
  atomicExch(lock, 0);
}
__global__ void adds(int* sum, int* lock) {
  take(lock);
  add(sum, lock);
  atomicExch(lock, 0);
}

int main() {
  const int n = 64;
  int *sum, *lock;
  cudaMalloc(&sum, n * sizeof(int));
  cudaMemset(sum, 0, n * sizeof(int));
  cudaMalloc(&lock, n * sizeof(int));
  cudaMemset(lock, 0, n * sizeof(int));
  adds<<<1, 1>>>(sum, lock);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, sum, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(sum);
  cudaFree(lock);
  return error == cudaSuccess ? 0 : 1;
}

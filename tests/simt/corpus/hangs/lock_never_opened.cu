// expect: sync hang
// The lock is taken and never given back: the second thread that wants it waits forever.
#include <cstdio>

__global__ void adds(int* sum, int* lock) {
  while (atomicCAS(lock, 0, 1) != 0) {
  }
  *sum += 1;
}

int main() {
  const int n = 64;
  int *sum, *lock;
  cudaMalloc(&sum, n * sizeof(int));
  cudaMemset(sum, 0, n * sizeof(int));
  cudaMalloc(&lock, n * sizeof(int));
  cudaMemset(lock, 0, n * sizeof(int));
  adds<<<2, 1>>>(sum, lock);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, sum, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(sum);
  cudaFree(lock);
  return error == cudaSuccess ? 0 : 1;
}

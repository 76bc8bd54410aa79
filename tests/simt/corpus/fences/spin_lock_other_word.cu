// expect: race nothing orders the two
// Two locks for one counter: those who hold different locks exclude nobody.
#include <cstdio>

__global__ void count(int* lock, int* counter, int rounds) {
  if (threadIdx.x != 0) return;
  lock += blockIdx.x % 2;
  for (int round = 0; round < rounds; ++round) {
    while (atomicCAS(lock, 0, 1) != 0) {
    }
    __threadfence();
    *counter = *counter + 1;
    __threadfence();
    atomicExch(lock, 0);
  }
}

int main() {
  int *lock, *counter, host = 0;
  cudaMalloc(&lock, 2 * sizeof(int));
  cudaMalloc(&counter, sizeof(int));
  cudaMemset(lock, 0, 2 * sizeof(int));
  cudaMemset(counter, 0, sizeof(int));
  count<<<8, 32>>>(lock, counter, 3);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaMemcpy(&host, counter, sizeof host, cudaMemcpyDeviceToHost);
  cudaFree(lock);
  cudaFree(counter);
  return error == cudaSuccess ? 0 : 1;
}

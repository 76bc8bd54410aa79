// expect: race of another block
// atomicCAS_block is atomic for the threads of one block only, and blocks share the lock.
#include <cstdio>

__global__ void count(int* lock, int* counter, int rounds) {
  if (threadIdx.x != 0) return;
  for (int round = 0; round < rounds; ++round) {
    while (atomicCAS_block(lock, 0, 1) != 0) {
    }
    __threadfence();
    *counter = *counter + 1;
    __threadfence();
    atomicExch_block(lock, 0);
  }
}

int main() {
  int *lock, *counter, host = 0;
  cudaMalloc(&lock, sizeof(int));
  cudaMalloc(&counter, sizeof(int));
  cudaMemset(lock, 0, sizeof(int));
  cudaMemset(counter, 0, sizeof(int));
  count<<<8, 32>>>(lock, counter, 3);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaMemcpy(&host, counter, sizeof host, cudaMemcpyDeviceToHost);
  cudaFree(lock);
  cudaFree(counter);
  return error == cudaSuccess ? 0 : 1;
}

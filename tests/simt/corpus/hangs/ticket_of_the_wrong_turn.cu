// expect: sync hang
// A ticket lock whose owner does not call the next number.
#include <cstdio>

__global__ void adds(int* sum, int* tickets) {
  const int own = atomicAdd(&tickets[0], 1);
  while (atomicAdd(&tickets[1], 0) != own) {
  }
  *sum += 1;
  atomicExch(&tickets[1], own);
}

int main() {
  const int n = 64;
  int *sum, *tickets;
  cudaMalloc(&sum, n * sizeof(int));
  cudaMemset(sum, 0, n * sizeof(int));
  cudaMalloc(&tickets, n * sizeof(int));
  cudaMemset(tickets, 0, n * sizeof(int));
  adds<<<3, 1>>>(sum, tickets);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, sum, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(sum);
  cudaFree(tickets);
  return error == cudaSuccess ? 0 : 1;
}

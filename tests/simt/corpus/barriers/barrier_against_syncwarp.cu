// expect: sync deadlock
// One lane waits for the block and the rest of its warp waits for the lane.
#include <cstdio>

__global__ void lanes(int* x) {
  if (threadIdx.x == 3) {
    __syncthreads();
  } else {
    __syncwarp();
    __syncthreads();
  }
  x[threadIdx.x] = 1;
}

int main() {
  const int n = 64;
  int* x;
  cudaMalloc(&x, n * sizeof(int));
  cudaMemset(x, 0, n * sizeof(int));
  lanes<<<1, 32>>>(x);
  int host[n];
  const cudaError_t error = cudaMemcpy(host, x, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%s %g\n", cudaGetErrorString(error), double(host[0]));
  cudaFree(x);
  return error == cudaSuccess ? 0 : 1;
}

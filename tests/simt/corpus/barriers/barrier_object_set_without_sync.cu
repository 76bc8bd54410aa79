// expect: race|init f, block
// Thread 0 sets a cuda::barrier, and the others arrive without waiting for that: the programming guide asks
// for a
// __syncthreads() between them.
#include <cuda/barrier>

__global__ void f(int* p) {
  __shared__ cuda::barrier<cuda::thread_scope_block> all;
  if (threadIdx.x == 0) init(&all, blockDim.x);
  all.arrive_and_wait();
  p[threadIdx.x] = 1;
}

int main() {
  int* p;
  cudaMalloc(&p, 64 * sizeof(int));
  f<<<1, 64>>>(p);
  cudaDeviceSynchronize();
  cudaFree(p);
}

// expect: api|race|init more threads arrive at a cuda::barrier|nothing orders the two|never written
// The barrier was made for half of the threads that arrive: a phase ends while the other half is still on its
// way.
#include <cuda/barrier>

#include <cstdio>

__global__ void reverse(int* out) {
  __shared__ cuda::barrier<cuda::thread_scope_block> meeting;
  __shared__ int s[128];
  if (threadIdx.x == 0) init(&meeting, blockDim.x / 2);
  __syncthreads();
  s[threadIdx.x] = threadIdx.x;
  meeting.arrive_and_wait();
  out[threadIdx.x] = s[127 - threadIdx.x];
}

int main() {
  int* out;
  cudaMalloc(&out, 128 * sizeof(int));
  reverse<<<1, 128>>>(out);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cudaFree(out);
  return 0;
}

// expect: race still copies asynchronously to it
// A copy that is bound to a barrier is done when the barrier's phase is. To arrive is not to wait.
#include <cuda/barrier>

#include <cstdio>
#include <utility>

using barrier = cuda::barrier<cuda::thread_scope_block>;

__global__ void twice(const int* in, int* out) {
  __shared__ barrier arrival;
  __shared__ int tile[64];
  if (threadIdx.x == 0) init(&arrival, 64);
  __syncthreads();
  cuda::memcpy_async(tile + threadIdx.x, in + threadIdx.x, sizeof(int), arrival);
  barrier::arrival_token token = arrival.arrive();
  const int mine = 2 * tile[threadIdx.x];
  arrival.wait(std::move(token));
  out[threadIdx.x] = mine + tile[63 - threadIdx.x];
}

int main() {
  int *in, *out;
  cudaMalloc(&in, 64 * sizeof(int));
  cudaMalloc(&out, 64 * sizeof(int));
  cudaMemset(in, 0, 64 * sizeof(int));
  twice<<<1, 64>>>(in, out);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cudaFree(in);
  cudaFree(out);
  return 0;
}

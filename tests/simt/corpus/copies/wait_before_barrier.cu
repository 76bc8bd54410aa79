// expect: nothing
// Each thread waits for its own copy, and the barrier then shows it to the others.
#include <cuda_pipeline.h>

#include <cstdio>

__global__ void reverse(const int* in, int* out) {
  __shared__ int tile[128];
  __pipeline_memcpy_async(&tile[threadIdx.x], in + threadIdx.x, sizeof(int));
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  out[threadIdx.x] = tile[127 - threadIdx.x];
}

int main() {
  int *in, *out;
  cudaMalloc(&in, 128 * sizeof(int));
  cudaMalloc(&out, 128 * sizeof(int));
  cudaMemset(in, 0, 128 * sizeof(int));
  reverse<<<1, 128>>>(in, out);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cudaFree(in);
  cudaFree(out);
  return 0;
}

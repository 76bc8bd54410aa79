// expect: race still copies asynchronously to it
// Waiting for all batches but the latest one says nothing of the latter: the thread reads what its copy may
// not have brought. A wait for all, as in pipeline_read_late, is needed.
#include <cuda_pipeline.h>

#include <cstdio>

__global__ void sum_of_two(const float4* in, float* out) {
  __shared__ float4 tile[2][32];
  for (int i = 0; i < 2; ++i) {
    __pipeline_memcpy_async(&tile[i][threadIdx.x], in + 32 * i + threadIdx.x, sizeof(float4));
    __pipeline_commit();
  }
  __pipeline_wait_prior(1);
  out[threadIdx.x] = tile[0][threadIdx.x].x + tile[1][threadIdx.x].y;
}

int main() {
  float4* in;
  float* out;
  cudaMalloc(&in, 64 * sizeof(float4));
  cudaMalloc(&out, 32 * sizeof(float));
  cudaMemset(in, 0, 64 * sizeof(float4));
  sum_of_two<<<1, 32>>>(in, out);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cudaFree(in);
  cudaFree(out);
  return 0;
}

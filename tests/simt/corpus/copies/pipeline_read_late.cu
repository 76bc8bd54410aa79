// expect: nothing
// The first wait leaves one batch under way, so that the first tile may be read; the second waits for all.
#include <cuda_pipeline.h>

#include <cstdio>

__global__ void sum_of_two(const float4* in, float* out) {
  __shared__ float4 tile[2][32];
  for (int i = 0; i < 2; ++i) {
    __pipeline_memcpy_async(&tile[i][threadIdx.x], in + 32 * i + threadIdx.x, sizeof(float4));
    __pipeline_commit();
  }
  __pipeline_wait_prior(1);
  const float first = tile[0][threadIdx.x].x;
  __pipeline_wait_prior(0);
  out[threadIdx.x] = first + tile[1][threadIdx.x].y;
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

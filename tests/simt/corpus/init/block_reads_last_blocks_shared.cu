// expect: init never written
// Only the first block fills the table. Hardware: shared memory does not outlive a block, so others read what
// happens to be there.
#include <cstdio>

__global__ void use(float* out) {
  __shared__ float table[32];
  if (blockIdx.x == 0) table[threadIdx.x] = float(threadIdx.x);
  __syncthreads();
  out[blockIdx.x * 32 + threadIdx.x] = table[threadIdx.x];
}

int main() {
  float *out, h[128];
  cudaMalloc(&out, sizeof h);
  use<<<4, 32>>>(out);
  cudaMemcpy(h, out, sizeof h, cudaMemcpyDeviceToHost);
  std::printf("%g\n", h[100]);
  cudaFree(out);
}

// expect: bounds out of bounds
// One static shared array, written behind its end through a pointer. Hardware: an error only beyond all of
// shared memory.
#include <cstdio>

__device__ void fill(float* tile, unsigned count) {
  for (unsigned i = threadIdx.x; i < count; i += blockDim.x) tile[i] = float(i);
}

__global__ void kernel(float* out, unsigned count) {
  __shared__ float tile[128];
  fill(tile, count);
  __syncthreads();
  out[threadIdx.x] = tile[threadIdx.x];
}

int main() {
  float* out;
  cudaMalloc(&out, 32 * sizeof(float));
  kernel<<<1, 32>>>(out, 4096);
  float first = 0.0f;
  cudaMemcpy(&first, out, sizeof first, cudaMemcpyDeviceToHost);
  std::printf("%g\n", first);
  cudaFree(out);
}

// expect: api cudaErrorInvalidValue
// 32 KiB static and 20 KiB dynamic shared memory are more than 48 KiB together. Hardware: the launch fails.
#include <cstdio>

__global__ void kernel(float* out) {
  __shared__ float fixed[8192];
  extern __shared__ float more[];
  fixed[threadIdx.x] = 1.0f;
  more[threadIdx.x] = 2.0f;
  __syncthreads();
  out[threadIdx.x] = fixed[63 - threadIdx.x] + more[63 - threadIdx.x];
}

int main() {
  float* out;
  cudaMalloc(&out, 64 * sizeof(float));
  kernel<<<1, 64, 20480>>>(out);
  cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) std::printf("kernel: %s\n", cudaGetErrorName(error));
  cudaFree(out);
}

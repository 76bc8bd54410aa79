// expect: race of another block
// The flag may be seen before the data.
#include <cstdio>

__global__ void hand_over(volatile int* flag, float* data, float* out) {
  if (blockIdx.x == 0) {
    data[threadIdx.x] = 2.0f * threadIdx.x;
    __syncthreads();
    if (threadIdx.x == 0) {
      *flag = 1;
    }
  } else {
    if (threadIdx.x == 0) {
      while (*flag == 0) {
      }
    }
    __syncthreads();
    out[threadIdx.x] = data[threadIdx.x] + 1;
  }
}

int main() {
  int* flag;
  float *data, *out;
  cudaMalloc(&flag, sizeof(int));
  cudaMalloc(&data, 64 * sizeof(float));
  cudaMalloc(&out, 64 * sizeof(float));
  cudaMemset(flag, 0, sizeof(int));
  hand_over<<<2, 64>>>(flag, data, out);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(flag);
  cudaFree(data);
  cudaFree(out);
  return error == cudaSuccess ? 0 : 1;
}

// expect: nothing
// Every thread stores its part and makes a fence; the barrier gathers them before thread 0 takes the ticket.
#include <cstdio>

__device__ unsigned finished = 0;

__global__ void scale_and_sum(const float* x, float* y, float* out) {
  __shared__ bool last;
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = 2 * x[i];
  __threadfence();
  __syncthreads();
  if (threadIdx.x == 0) last = atomicAdd(&finished, 1) == gridDim.x - 1;
  __syncthreads();
  if (!last) return;
  float sum = 0;
  for (int k = threadIdx.x; k < gridDim.x * blockDim.x; k += blockDim.x) sum += y[k];
  out[threadIdx.x] = sum;
  if (threadIdx.x == 0) finished = 0;
}

int main() {
  float *x, *y, *out;
  cudaMalloc(&x, 512 * sizeof(float));
  cudaMalloc(&y, 512 * sizeof(float));
  cudaMalloc(&out, 64 * sizeof(float));
  cudaMemset(x, 0, 512 * sizeof(float));
  scale_and_sum<<<8, 64>>>(x, y, out);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(y);
  cudaFree(out);
  return error == cudaSuccess ? 0 : 1;
}

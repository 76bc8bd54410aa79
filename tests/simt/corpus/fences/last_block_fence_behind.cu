// expect: race of another block
// The fence comes after the ticket, so that it orders nothing that the ticket publishes.
#include <cstdio>

__device__ unsigned finished = 0;

__global__ void sum(const float* x, float* partial, float* out, int n) {
  __shared__ float sums[128];
  __shared__ bool last;
  int t = threadIdx.x;
  float own = 0;
  for (int i = blockIdx.x * blockDim.x + t; i < n; i += gridDim.x * blockDim.x) own += x[i];
  sums[t] = own;
  __syncthreads();
  for (int step = 64; step > 0; step /= 2) {
    if (t < step) sums[t] += sums[t + step];
    __syncthreads();
  }
  if (t == 0) {
    partial[blockIdx.x] = sums[0];
    last = atomicInc(&finished, gridDim.x - 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (last && t == 0) {
    float total = 0;
    for (int b = 0; b < gridDim.x; ++b) total += partial[b];
    *out = total;
  }
}

int main() {
  const int n = 3000;
  float *x, *partial, *out;
  cudaMalloc(&x, n * sizeof(float));
  cudaMalloc(&partial, 8 * sizeof(float));
  cudaMalloc(&out, sizeof(float));
  cudaMemset(x, 0, n * sizeof(float));
  sum<<<8, 128>>>(x, partial, out, n);
  sum<<<8, 128>>>(x, partial, out, n);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(partial);
  cudaFree(out);
  return error == cudaSuccess ? 0 : 1;
}

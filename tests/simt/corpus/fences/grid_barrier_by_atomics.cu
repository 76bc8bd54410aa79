// expect: nothing
// A barrier of all resident blocks by a counter and fences, between the steps of a stencil in two buffers.
#include <cstdio>

__device__ unsigned arrived = 0;

__device__ void wait_for_all(unsigned round) {
  __syncthreads();
  if (threadIdx.x == 0) {
    __threadfence();
    atomicAdd(&arrived, 1);
    while (atomicAdd(&arrived, 0) < round * gridDim.x) {
    }
    __threadfence();
  }
  __syncthreads();
}

__global__ void smooth(float* a, float* b, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  for (unsigned step = 1; step <= 4; ++step) {
    b[i] = 0.5f * a[(i + n - 1) % n] + 0.5f * a[(i + 1) % n];
    wait_for_all(step);
    float* other = a;
    a = b;
    b = other;
  }
}

int main() {
  const int n = 4 * 64;
  float *a, *b;
  cudaMalloc(&a, n * sizeof(float));
  cudaMalloc(&b, n * sizeof(float));
  cudaMemset(a, 0, n * sizeof(float));
  smooth<<<4, 64>>>(a, b, n);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(a);
  cudaFree(b);
  return error == cudaSuccess ? 0 : 1;
}

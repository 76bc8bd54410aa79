// expect: race nothing orders the two
// The last barrier is missing: a thread reads bins that other warps still add to.
#include <cstdio>

__global__ void histogram(const unsigned char* data, int* bins, int n) {
  __shared__ int own[16];
  if (threadIdx.x < 16) own[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&own[data[i] % 16], 1);
  if (threadIdx.x < 16) atomicAdd(&bins[threadIdx.x], own[threadIdx.x]);
}

int main() {
  const int n = 4000;
  unsigned char* data;
  int* bins;
  cudaMalloc(&data, n);
  cudaMalloc(&bins, 16 * sizeof(int));
  cudaMemset(data, 7, n);
  cudaMemset(bins, 0, 16 * sizeof(int));
  histogram<<<8, 128>>>(data, bins, n);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  int host[16];
  cudaMemcpy(host, bins, sizeof host, cudaMemcpyDeviceToHost);
  cudaFree(data);
  cudaFree(bins);
  return error == cudaSuccess ? 0 : 1;
}

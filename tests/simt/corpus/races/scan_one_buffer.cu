// expect: race nothing orders the two
// Hillis and Steele's scan in one array: a step overwrites what other threads have yet to read in it.
#include <cstdio>

__global__ void scan(const int* x, int* y) {
  __shared__ int sums[128];
  int t = threadIdx.x;
  sums[t] = x[t];
  __syncthreads();
  for (int step = 1; step < 128; step *= 2) {
    if (t >= step) sums[t] += sums[t - step];
    __syncthreads();
  }
  y[t] = sums[t];
}

int main() {
  int *x, *y;
  cudaMalloc(&x, 128 * sizeof(int));
  cudaMalloc(&y, 128 * sizeof(int));
  cudaMemset(x, 0, 128 * sizeof(int));
  scan<<<1, 128>>>(x, y);
  cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) printf("%s\n", cudaGetErrorString(error));
  cudaFree(x);
  cudaFree(y);
  return error == cudaSuccess ? 0 : 1;
}

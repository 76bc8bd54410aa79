// expect: init never written
// A sum by atomics into memory that nobody cleared. Hardware: cudaMalloc does not clear, so the sum begins
// with what the memory held before.
#include <cstdio>

__global__ void count_even(const int* x, int n, int* count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n && x[i] % 2 == 0) atomicAdd(count, 1);
}

int main() {
  const int n = 500;
  int h[n], result = 0;
  for (int i = 0; i < n; ++i) h[i] = i;
  int *x, *count;
  cudaMalloc(&x, sizeof(h));
  cudaMalloc(&count, sizeof(int));
  cudaMemcpy(x, h, sizeof(h), cudaMemcpyHostToDevice);
  count_even<<<(n + 63) / 64, 64>>>(x, n, count);
  cudaMemcpy(&result, count, sizeof(int), cudaMemcpyDeviceToHost);
  printf("%d\n", result);
  cudaFree(x);
  cudaFree(count);
  return result == n / 2 ? 0 : 1;
}

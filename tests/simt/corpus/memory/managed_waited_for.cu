// expect: nothing
// The host waits before it reads managed memory.
#include <cstdio>

__global__ void twice(int* x, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] *= 2;
}

int main() {
  const int n = 256;
  int* x;
  cudaMallocManaged(&x, n * sizeof(int));
  for (int i = 0; i < n; ++i) x[i] = i;
  twice<<<2, 128>>>(x, n);
  cudaDeviceSynchronize();
  long sum = 0;
  for (int i = 0; i < n; ++i) sum += x[i];
  std::printf("%ld\n", sum);
  cudaFree(x);
}

// expect: nothing
// Counters that cudaMemset clears first.
#include <cstdio>
#include <vector>

__global__ void histogram(const unsigned char* in, unsigned* bins, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(&bins[in[i] % 16], 1u);
}

int main() {
  const int n = 500;
  std::vector<unsigned char> h(n, 7);
  unsigned char* in;
  unsigned *bins, counts[16];
  cudaMalloc(&in, n);
  cudaMalloc(&bins, sizeof counts);
  cudaMemcpy(in, h.data(), n, cudaMemcpyHostToDevice);
  cudaMemset(bins, 0, sizeof counts);
  histogram<<<2, 256>>>(in, bins, n);
  cudaMemcpy(counts, bins, sizeof counts, cudaMemcpyDeviceToHost);
  std::printf("%u\n", counts[7]);
  cudaFree(in);
  cudaFree(bins);
}

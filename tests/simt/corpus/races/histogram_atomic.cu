// expect: nothing
// A histogram in shared memory by atomics, which is added to the result by atomics too.
#include <cstdio>
#include <vector>

constexpr int bins = 16;

__global__ void histogram(const unsigned char* data, unsigned* counts, size_t n) {
  __shared__ unsigned local[bins];
  for (int b = threadIdx.x; b < bins; b += blockDim.x) local[b] = 0;
  __syncthreads();
  for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += size_t(gridDim.x) * blockDim.x)
    atomicAdd(&local[data[i]], 1u);
  __syncthreads();
  for (int b = threadIdx.x; b < bins; b += blockDim.x) atomicAdd(&counts[b], local[b]);
}

int main() {
  const size_t n = 2000;
  std::vector<unsigned char> data(n);
  for (size_t i = 0; i < n; ++i) data[i] = (unsigned char)(i * 7 % bins);
  unsigned char* d;
  unsigned *counts, host[bins];
  cudaMalloc(&d, n);
  cudaMalloc(&counts, sizeof host);
  cudaMemset(counts, 0, sizeof host);
  cudaMemcpy(d, data.data(), n, cudaMemcpyHostToDevice);
  dim3 grid(3), block(128);
  histogram<<<grid, block>>>(d, counts, n);
  if (cudaGetLastError() != cudaSuccess) return 2;
  cudaMemcpy(host, counts, sizeof host, cudaMemcpyDeviceToHost);
  unsigned total = 0;
  for (unsigned c : host) total += c;
  std::printf("%u\n", total);
  cudaFree(counts);
  cudaFree(d);
  return total == n ? 0 : 1;
}

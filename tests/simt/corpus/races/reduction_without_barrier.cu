// expect: race data race
// A tree reduction in shared memory whose steps have no barrier between them. Hardware: warps of a block run
// in any order, so a step may read a partial sum that another warp has not written yet.
#include <cstdio>
#include <vector>

template <int Threads>
__global__ void block_sums(const float* x, float* sums, int n) {
  __shared__ float partial[Threads];
  const int i = blockIdx.x * Threads + threadIdx.x;
  partial[threadIdx.x] = i < n ? x[i] : 0.0f;
  __syncthreads();
  for (int step = Threads / 2; step > 0; step /= 2) {
    if (threadIdx.x < step) partial[threadIdx.x] += partial[threadIdx.x + step];
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = partial[0];
}

int main() {
  const int n = 1000, threads = 256, blocks = (n + threads - 1) / threads;
  std::vector<float> x(n, 1.0f), sums(blocks);
  float *dx, *dsums;
  cudaMalloc(&dx, n * sizeof(float));
  cudaMalloc(&dsums, blocks * sizeof(float));
  cudaMemcpy(dx, x.data(), n * sizeof(float), cudaMemcpyHostToDevice);
  block_sums<threads><<<blocks, threads>>>(dx, dsums, n);
  cudaMemcpy(sums.data(), dsums, blocks * sizeof(float), cudaMemcpyDeviceToHost);
  float total = 0;
  for (float s : sums) total += s;
  std::printf("%g\n", total);
  cudaFree(dx);
  cudaFree(dsums);
  return total == n ? 0 : 1;
}

// Measures the emulator: threads, accesses, barriers, atomic operations and shuffles in a second of a
// processor.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include <cuda_runtime.h>

namespace {

constexpr int threads = 256, blocks = 64, rounds = 32;
double least = 0.3;  // seconds of a measurement

__global__ void nothing() {}

// Three accesses a round.
__global__ void stream(const float* x, float* y) {
  const int step = gridDim.x * blockDim.x;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < rounds * step; i += step) y[i] = 2.0f * x[i] + y[i];
}

// Two accesses of shared memory and two barriers a round.
__global__ void rotate(float* y) {
  __shared__ float tile[threads];
  const int t = threadIdx.x;
  float value = t;
  for (int i = 0; i < rounds; ++i) {
    tile[t] = value;
    __syncthreads();
    value = tile[(t + 33) % threads];
    __syncthreads();
  }
  y[blockIdx.x * threads + t] = value;
}

// 16 x 16 tiles: two accesses of device memory, 34 of shared memory and two barriers for each tile of a row.
constexpr int side = 16, size = 128;
__global__ void product(const float* a, const float* b, float* c) {
  __shared__ float left[side][side], right[side][side];
  const int x = threadIdx.x % side, y = threadIdx.x / side;
  const int row = blockIdx.x / (size / side) * side + y, column = blockIdx.x % (size / side) * side + x;
  float sum = 0;
  for (int tile = 0; tile < size; tile += side) {
    left[y][x] = a[row * size + tile + x];
    right[y][x] = b[(tile + y) * size + column];
    __syncthreads();
    for (int k = 0; k < side; ++k) sum += left[y][k] * right[k][x];
    __syncthreads();
  }
  c[row * size + column] = sum;
}

__global__ void histogram(int* bins) {
  for (int i = 0; i < rounds; ++i) atomicAdd(&bins[(threadIdx.x * 7 + i * 13) % 256], 1);
}

__global__ void sum_of_warp(float* y) {
  float value = threadIdx.x;
  for (int i = 0; i < rounds; ++i) value += __shfl_xor_sync(0xffffffffu, value, 1 << i % 5) * 0.5f;
  y[blockIdx.x * threads + threadIdx.x] = value;
}

// Repeats f for some processor time, and prints how often its operations ran in a second of the
// fastest time.
template <class F>
void measure(const char* name, const char* unit, double operations, F f) {
  const auto seconds = [] { return double(std::clock()) / CLOCKS_PER_SEC; };
  const double start = seconds();
  double best = 1e30;
  do {
    const double before = seconds();
    f();
    if (cudaDeviceSynchronize() != cudaSuccess) std::exit(1);
    best = std::min(best, seconds() - before);
  } while (seconds() - start < least);
  std::printf("%-28s %8.1f million %s/s\n", name, operations / best * 1e-6, unit);
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) least = std::atof(arguments[1]);
  constexpr int n = threads * blocks;
  constexpr std::size_t bytes = std::size_t(n) * rounds * sizeof(float);
  float *x, *y;
  int* bins;
  cudaMalloc(&x, bytes);
  cudaMalloc(&y, bytes);
  cudaMalloc(&bins, 256 * sizeof(int));
  cudaMemset(x, 0, bytes);
  cudaMemset(y, 0, bytes);
  cudaMemset(bins, 0, 256 * sizeof(int));
  measure("kernel without a statement", "threads", 16.0 * n, [] { nothing<<<16 * blocks, threads>>>(); });
  measure("launches of 32 threads", "launches", 100, [] {
    for (int i = 0; i < 100; ++i) nothing<<<1, 32>>>();
  });
  measure("device memory", "accesses", 3.0 * n * rounds, [&] { stream<<<blocks, threads>>>(x, y); });
  measure("shared memory, barriers", "accesses", 2.0 * n * rounds, [&] { rotate<<<blocks, threads>>>(y); });
  measure("product in tiles", "accesses", n * (36.0 * size / side + 1),
          [&] { product<<<blocks, threads>>>(x, x, y); });
  measure("atomicAdd", "operations", 1.0 * n * rounds, [&] { histogram<<<blocks, threads>>>(bins); });
  measure("shuffles", "operations", 1.0 * n * rounds, [&] { sum_of_warp<<<blocks, threads>>>(y); });
  cudaFree(x);
  cudaFree(y);
  cudaFree(bins);
}

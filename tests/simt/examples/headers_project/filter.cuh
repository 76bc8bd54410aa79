// A filter of one dimension with its tile in shared memory.
#pragma once
#include <cuda_runtime.h>

namespace filters {

template <int Radius, typename T>
__global__ void blur(const T* __restrict__ in, T* __restrict__ out, int n) {
  extern __shared__ unsigned char memory[];
  T* tile = reinterpret_cast<T*>(memory);
  const int start = int(blockIdx.x * blockDim.x) - Radius;
  for (int i = threadIdx.x; i < blockDim.x + 2 * Radius; i += blockDim.x) {
    const int at = start + i;
    tile[i] = at >= 0 && at < n ? in[at] : T(0);
  }
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  T sum = 0;
  for (int k = 0; k <= 2 * Radius; ++k) sum += tile[threadIdx.x + k];
  out[i] = sum / T(2 * Radius + 1);
}

template <int Radius, typename T>
void run_blur(const T* in, T* out, int n, cudaStream_t stream = nullptr) {
  constexpr int threads = 64;
  blur<Radius>
      <<<(n + threads - 1) / threads, threads, (threads + 2 * Radius) * sizeof(T), stream>>>(in, out, n);
}

}  // namespace filters

// expect: race nothing orders the two
// The next copies replace the tile while others may still read it.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>

#include <cstdio>

namespace cg = cooperative_groups;

__global__ void differences(const int* in, int* out, int tiles) {
  __shared__ int tile[64];
  const auto block = cg::this_thread_block();
  for (int i = 0; i < tiles; ++i) {
    cg::memcpy_async(block, tile, in + 64 * i, sizeof tile);
    cg::wait(block);
    out[64 * i + threadIdx.x] = tile[(threadIdx.x + 1) % 64] - tile[threadIdx.x];
  }
}

int main() {
  int *in, *out;
  cudaMalloc(&in, 192 * sizeof(int));
  cudaMalloc(&out, 192 * sizeof(int));
  cudaMemset(in, 0, 192 * sizeof(int));
  differences<<<1, 64>>>(in, out, 3);
  std::printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize()));
  cudaFree(in);
  cudaFree(out);
  return 0;
}

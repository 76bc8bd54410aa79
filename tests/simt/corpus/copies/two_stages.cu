// expect: nothing
// Two stages of a pipeline that a block shares: while one is used, the other one is filled.
#include <cooperative_groups.h>

#include <cstdio>
#include <cuda/pipeline>

namespace cg = cooperative_groups;

__global__ void twice_reversed(const float* in, float* out, int tiles) {
  constexpr int stages = 2;
  __shared__ float tile[stages][128];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, stages> state;
  const auto block = cg::this_thread_block();
  auto pipe = cuda::make_pipeline(block, &state);
  for (int used = 0, filled = 0; used < tiles; ++used) {
    for (; filled < tiles && filled < used + stages; ++filled) {
      pipe.producer_acquire();
      cuda::memcpy_async(block, tile[filled % stages], in + filled * 128, sizeof tile[0], pipe);
      pipe.producer_commit();
    }
    pipe.consumer_wait();
    out[used * 128 + threadIdx.x] = 2 * tile[used % stages][127 - threadIdx.x];
    pipe.consumer_release();
  }
}

int main() {
  constexpr int tiles = 6, n = 128 * tiles;
  float host[n], *in, *out;
  for (int i = 0; i < n; ++i) host[i] = float(i);
  cudaMalloc(&in, sizeof host);
  cudaMalloc(&out, sizeof host);
  cudaMemcpy(in, host, sizeof host, cudaMemcpyHostToDevice);
  twice_reversed<<<1, 128>>>(in, out, tiles);
  cudaMemcpy(host, out, sizeof host, cudaMemcpyDeviceToHost);
  std::printf("%g\n", host[0]);
  cudaFree(in);
  cudaFree(out);
  return host[0] == 254 ? 0 : 1;
}

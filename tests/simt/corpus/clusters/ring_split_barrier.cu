// expect: nothing
// The barrier's two halves: what each block does between them needs no data of the others.
#include <cooperative_groups.h>
#include <cstdio>
#include <vector>

namespace cg = cooperative_groups;
constexpr int threads = 64, blocks = 8;

__global__ void __cluster_dims__(4, 1, 1) ring(int* out) {
  __shared__ int mine[threads];
  cg::cluster_group cluster = cg::this_cluster();
  mine[threadIdx.x] = 1000 * blockIdx.x + threadIdx.x;
  cluster.barrier_arrive();
  const int next = (cluster.block_rank() + 1) % cluster.num_blocks();
  cluster.barrier_wait();
  const int* theirs = cluster.map_shared_rank(mine, next);
  out[blockIdx.x * threads + threadIdx.x] = theirs[threads - 1 - threadIdx.x];
  cluster.sync();
}

int main() {
  std::vector<int> result(threads * blocks);
  int* out;
  cudaMalloc(&out, result.size() * sizeof(int));
  ring<<<blocks, threads>>>(out);
  cudaMemcpy(result.data(), out, result.size() * sizeof(int), cudaMemcpyDeviceToHost);
  cudaFree(out);
  return result[0] == 1063 && result[7 * threads] == 4063 ? 0 : 1;
}

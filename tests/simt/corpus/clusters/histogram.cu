// expect: nothing
// The bins are spread over the cluster's blocks. Barriers of the cluster are before the first and behind the
// last access to another block's shared memory, as the programming guide asks.
#include <cooperative_groups.h>
#include <cstdio>
#include <vector>

namespace cg = cooperative_groups;
constexpr int bins = 64, each = 32, threads = 128, n = 4096;

__global__ void histogram(const int* in, int* out) {
  extern __shared__ int own[];
  cg::cluster_group cluster = cg::this_cluster();
  for (int i = threadIdx.x; i < each; i += blockDim.x) own[i] = 0;
  cluster.sync();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    int* there = cluster.map_shared_rank(own, in[i] / each);
    atomicAdd(there + in[i] % each, 1);
  }
  cluster.sync();
  for (int i = threadIdx.x; i < each; i += blockDim.x)
    atomicAdd(out + cluster.block_rank() * each + i, own[i]);
}

int main() {
  std::vector<int> numbers(n), counts(bins);
  for (int i = 0; i < n; ++i) numbers[i] = i * 37 % bins;
  int *in, *out;
  cudaMalloc(&in, n * sizeof(int));
  cudaMalloc(&out, bins * sizeof(int));
  cudaMemcpy(in, numbers.data(), n * sizeof(int), cudaMemcpyHostToDevice);
  cudaMemset(out, 0, bins * sizeof(int));
  cudaLaunchConfig_t config = {};
  config.gridDim = 8;
  config.blockDim = threads;
  config.dynamicSmemBytes = each * sizeof(int);
  cudaLaunchAttribute attribute[1];
  attribute[0].id = cudaLaunchAttributeClusterDimension;
  attribute[0].val.clusterDim.x = 2;
  attribute[0].val.clusterDim.y = 1;
  attribute[0].val.clusterDim.z = 1;
  config.attrs = attribute;
  config.numAttrs = 1;
  cudaLaunchKernelEx(&config, histogram, (const int*)in, out);
  cudaMemcpy(counts.data(), out, bins * sizeof(int), cudaMemcpyDeviceToHost);
  int wrong = 0;
  for (int count : counts) wrong += count != n / bins;
  cudaFree(in);
  cudaFree(out);
  return wrong;
}

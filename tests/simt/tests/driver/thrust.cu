// Thrust and CUB by their own headers, through simt++.
#include <thrust/device_vector.h>
#include <thrust/functional.h>
#include <thrust/host_vector.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sequence.h>
#include <thrust/sort.h>
#include <thrust/transform.h>
#include <cstdio>
#include <cub/cub.cuh>
__global__ void block_scan(const int* in, int* out) {
  using Scan = cub::BlockScan<int, 128>;
  __shared__ typename Scan::TempStorage temp;
  int v = in[threadIdx.x];
  Scan(temp).ExclusiveSum(v, v);
  out[threadIdx.x] = v;
}
int main() {
  thrust::host_vector<int> h(1000);
  for (int i = 0; i < 1000; ++i) h[i] = (i * 7919) % 1000;
  thrust::device_vector<int> d = h;
  thrust::sort(d.begin(), d.end());
  int sum = thrust::reduce(d.begin(), d.end(), 0, thrust::plus<int>());
  thrust::host_vector<int> s = d;
  bool sorted = true;
  for (int i = 0; i < 1000; ++i) sorted = sorted && s[i] == i;
  std::printf("%d %d\n", sorted, sum);
  int *in, *out;
  void* temp = nullptr;
  size_t bytes = 0;
  cudaMalloc(&in, 128 * sizeof(int));
  cudaMalloc(&out, 128 * sizeof(int));
  cudaMemcpy(in, thrust::raw_pointer_cast(d.data()), 512, cudaMemcpyDeviceToDevice);
  block_scan<<<1, 128>>>(in, out);
  int last;
  cudaMemcpy(&last, out + 127, 4, cudaMemcpyDeviceToHost);
  cub::DeviceReduce::Sum(temp, bytes, in, out, 128);
  cudaMalloc(&temp, bytes);
  cub::DeviceReduce::Sum(temp, bytes, in, out, 128);
  int total;
  cudaMemcpy(&total, out, 4, cudaMemcpyDeviceToHost);
  std::printf("%d %d\n", last, total);
}

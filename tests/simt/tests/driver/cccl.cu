// Thrust and CUB by their own headers. With an argument, blocks reuse CUB's shared memory without a barrier.
#include <thrust/copy.h>
#include <thrust/count.h>
#include <thrust/device_vector.h>
#include <thrust/extrema.h>
#include <thrust/functional.h>
#include <thrust/host_vector.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sequence.h>
#include <thrust/sort.h>
#include <thrust/transform.h>

#include <cstdio>
#include <cub/block/block_load.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/block/block_store.cuh>
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_scan.cuh>
#include <cub/warp/warp_reduce.cuh>

constexpr int threads = 128, items = 4, n = 3000;

struct Square {
  __host__ __device__ long operator()(int x) const { return long(x) * x; }
};

__global__ void of_blocks(const int* in, int* scanned, int* sums, bool barriers) {
  using Load = cub::BlockLoad<int, threads, items, cub::BLOCK_LOAD_TRANSPOSE>;
  using Scan = cub::BlockScan<int, threads>;
  using Reduce = cub::BlockReduce<int, threads>;
  using Store = cub::BlockStore<int, threads, items>;
  __shared__ union {
    typename Load::TempStorage load;
    typename Scan::TempStorage scan;
    typename Reduce::TempStorage reduce;
  } shared;
  int mine[items];
  Load(shared.load).Load(in + blockIdx.x * threads * items, mine);
  if (barriers) __syncthreads();
  const int sum = Reduce(shared.reduce).Sum(mine);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
  __syncthreads();
  Scan(shared.scan).ExclusiveSum(mine, mine);
  Store().Store(scanned + blockIdx.x * threads * items, mine);
}

__global__ void of_warps(const int* in, int* sums) {
  using Reduce = cub::WarpReduce<int>;
  __shared__ typename Reduce::TempStorage shared[threads / 32];
  const int warp = threadIdx.x / 32, sum = Reduce(shared[warp]).Sum(in[threadIdx.x]);
  if (threadIdx.x % 32 == 0) sums[warp] = sum;
}

template <class F>
void with_storage(F call) {
  std::size_t bytes = 0;
  call(nullptr, bytes);
  thrust::device_vector<char> storage(bytes);
  call(thrust::raw_pointer_cast(storage.data()), bytes);
}

int main(int arguments, char**) {
  thrust::host_vector<int> numbers(n);
  for (int i = 0; i < n; ++i) numbers[i] = i * 7919 % n;  // a permutation
  thrust::device_vector<int> sorted = numbers, indices(n), sums(n);
  thrust::sequence(indices.begin(), indices.end());
  thrust::sort_by_key(sorted.begin(), sorted.end(), indices.begin());
  bool right = true;
  for (int i = 0; i < n; i += 99) right = right && sorted[i] == i && indices[i] * 7919L % n == i;
  thrust::inclusive_scan(sorted.begin(), sorted.end(), sums.begin());
  thrust::device_vector<long> squares(n);
  thrust::transform(sorted.begin(), sorted.end(), squares.begin(), Square());
  const long total = thrust::reduce(squares.begin(), squares.end(), 0L, thrust::plus<long>());
  const long odd =
      thrust::count_if(sorted.begin(), sorted.end(), [] __device__(int x) { return x % 2 == 1; });
  std::printf("thrust %d %d %ld %ld\n", right, int(sums[n - 1]), total, odd);
  const auto ends = thrust::minmax_element(squares.begin(), squares.end());
  std::printf("extrema %ld %ld %ld\n", long(thrust::max_element(sums.begin(), sums.end()) - sums.begin()),
              long(ends.first - squares.begin()), long(ends.second - squares.begin()));

  int* const in = thrust::raw_pointer_cast(sorted.data());
  int* const out = thrust::raw_pointer_cast(sums.data());
  with_storage([&](void* p, std::size_t& bytes) { cub::DeviceScan::ExclusiveSum(p, bytes, in, out, n); });
  std::printf("scan %d %d\n", int(sums[0]), int(sums[n - 1]));
  with_storage([&](void* p, std::size_t& bytes) { cub::DeviceReduce::Max(p, bytes, in, out, n); });
  std::printf("max %d\n", int(sums[0]));
  of_blocks<<<4, threads>>>(in, out, out + 4 * threads * items, arguments == 1);
  std::printf("blocks %d %d\n", int(sums[2 * threads * items - 1]), int(sums[4 * threads * items + 1]));
  of_warps<<<1, threads>>>(in, out);
  std::printf("warps %d %d\n", int(sums[0]), int(sums[3]));
}

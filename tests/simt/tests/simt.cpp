// Tests the SIMT emulator: its own kernels run on it, and some break its rules on purpose.
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#if SIMT_CUB
#include <cub/block/block_reduce.cuh>
#include <cub/warp/warp_reduce.cuh>
#endif
#include <string>
#include <vector>

#include "support.h"

using namespace simt_check;

namespace {

__global__ void reverse_in_shared(int* x) {
  auto* tile = static_cast<int*>(simt::dynamic_shared_memory());
  const unsigned i = threadIdx.y * blockDim.x + threadIdx.x, n = blockDim.x * blockDim.y;
  tile[i] = x[blockIdx.z * n + i];
  __syncthreads();
  x[blockIdx.z * n + i] = tile[n - 1 - i];
}

__global__ void atomics(int* counters, float* sum, unsigned long long* slots) {
  atomicAdd(&counters[0], 1);
  atomicMax(&counters[1], int(threadIdx.x + blockIdx.x * blockDim.x));
  atomicMin(&counters[2], -int(threadIdx.x));
  atomicAdd(sum, 0.5f);
  unsigned long long old = 0, seen;
  while ((seen = atomicCAS(&slots[0], old, old + 3)) != old) old = seen;
}

// Thread 0 waits for the last thread of the block.
__global__ void spin(int* flag) {
  if (threadIdx.x == blockDim.x - 1) atomicExch(flag, 1);
  if (threadIdx.x == 0)
    while (atomicCAS(flag, 1, 2) == 0) {
    }
}

__global__ void votes(int* out) {
  const unsigned lane = threadIdx.x % 32;
  if (lane % 2 == 1) {
    const unsigned odd = __ballot_sync(0xaaaaaaaau, lane > 15);
    out[threadIdx.x] = int(odd);
  } else {
    out[threadIdx.x] = __any_sync(0x55555555u, lane == 4) + 2 * __all_sync(0x55555555u, lane == 4);
  }
  __syncwarp();
  if (lane == 0) out[threadIdx.x] += 4 * __popc(unsigned(out[threadIdx.x + 1]));
}

__global__ void segments(int* out) {
  const int lane = int(threadIdx.x);
  out[lane] = __shfl_sync(0xffffffffu, lane, 9, 8);
  out[32 + lane] = __shfl_up_sync(0xffffffffu, lane, 3, 8);
  out[64 + lane] = __shfl_down_sync(0xffffffffu, lane, 3, 16);
  out[96 + lane] = int(__shfl_xor_sync(0xffffffffu, double(lane) + 0.25, 5));
}

__global__ void early_return(int* x) {
  if (threadIdx.x == 37) return;
  __syncthreads();
  x[threadIdx.x] = 1;
}
__global__ void two_barriers(int* x) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  x[threadIdx.x] = 1;
}
__global__ void barrier_against_warp(int* x) {
  if (threadIdx.x == 3) {
    __syncthreads();
  } else {
    __syncwarp();
    __syncthreads();
  }
  x[threadIdx.x] = 1;
}
__global__ void outside_mask(int* x) { x[threadIdx.x] = __shfl_sync(0x0000ffffu, int(threadIdx.x), 0); }
__global__ void reads_outside_mask(int* x) {
  if (threadIdx.x < 16) x[threadIdx.x] = __shfl_sync(0x0000ffffu, int(threadIdx.x), 20);
}
__global__ void reads_missing_lane(int* x) {
  x[threadIdx.x] = __shfl_down_sync(0xffffffffu, int(threadIdx.x), 1);
}
__global__ void mixed_collectives(int* x) {
  x[threadIdx.x] = threadIdx.x == 5 ? int(__ballot_sync(0xffffffffu, 1)) : __shfl_sync(0xffffffffu, 1, 0);
}
__global__ void bad_width(int* x) { x[threadIdx.x] = __shfl_sync(0xffffffffu, 1, 0, 12); }
__device__ int grow(int depth) {
  volatile int frame[100];
  for (int i = 0; i < 100; ++i) frame[i] = depth;
  __syncwarp();
  const int below = depth < 100000 ? grow(depth + 1) : 0;
  return below + frame[depth % 100];
}
__global__ void deep(int* x) { x[threadIdx.x] = grow(0); }
struct Unexpected {};
__global__ void throws() {
  if (threadIdx.x == 1) throw Unexpected{};
  __syncthreads();
}

#if SIMT_CUB
template <int Threads>
__global__ void cub_sums(const float* x, float* out) {
  using Block = cub::BlockReduce<float, Threads>;
  using Warp = cub::WarpReduce<float>;
  __shared__ typename Block::TempStorage block_storage;
  __shared__ typename Warp::TempStorage warp_storage[Threads / 32];
  const float v = x[threadIdx.x];
  const float total = Block(block_storage).Sum(v);
  __syncthreads();
  const float largest = Block(block_storage).Reduce(v, [](float a, float b) { return max(a, b); });
  const float warp = Warp(warp_storage[threadIdx.x / 32]).Sum(v);
  if (threadIdx.x == 0) out[0] = total, out[1] = largest;
  if (threadIdx.x % 32 == 0) out[2 + threadIdx.x / 32] = warp;
}
#endif

}  // namespace

TEST_CASE("simt: a vector is added with a tail, for every seed") {
  const int n = 1003;
  const std::size_t bytes_before = simt::device_bytes();
  const auto a = draw(n, 1), b = draw(n, 2);
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    const DeviceArray<float> da(a), db(b), dc(n + 1);
    REQUIRE(run(vector_add, 4, 256, 0, da.data, db.data, dc.data, n) == cudaSuccess);
    for (std::size_t i = 0; i < std::size_t(n); ++i) REQUIRE(dc.peek(i) == a[i] + b[i]);
    CHECK(std::isnan(dc.peek(std::size_t(n))));
  }
  CHECK(simt::device_bytes() == bytes_before);
}

TEST_CASE("simt: a block reduction with shuffles and shared memory gives the same bits for every seed") {
  const int n = 5000;
  const auto x = draw(n, 3);
  const DeviceArray<float> dx(x);
  std::vector<float> first;
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    const DeviceArray<float> sums(3);
    REQUIRE(run(block_sum<float>, 3, 256, 0, dx.data, sums.data, n) == cudaSuccess);
    if (first.empty()) first = sums.host();
    CHECK(sums.host() == first);
  }
  double total = 0;
  for (const float v : x) total += double(v);
  CHECK(double(first[0]) + double(first[1]) + double(first[2]) == Approx(total).epsilon(1e-5));
}

TEST_CASE("simt: dynamic shared memory of every block") {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    std::vector<int> x(3 * 96);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = int(i);
    const DeviceArray<int> dx(x);
    REQUIRE(run(reverse_in_shared, dim3(1, 1, 3), dim3(12, 8), 96 * sizeof(int), dx.data) == cudaSuccess);
    const auto y = dx.host();
    for (int i = 0; i < 3 * 96; ++i) REQUIRE(y[std::size_t(i)] == i / 96 * 96 + 95 - i % 96);
  }
}

TEST_CASE("simt: atomic operations lose no update and a thread may spin on one") {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    const DeviceArray<int> counters(std::vector<int>{0, -5, 5}), flag(std::vector<int>{0});
    const DeviceArray<float> sum(std::vector<float>{0});
    const DeviceArray<unsigned long long> slots(std::vector<unsigned long long>{0});
    REQUIRE(run(atomics, 5, 100, 0, counters.data, sum.data, slots.data) == cudaSuccess);
    CHECK(counters.host() == std::vector<int>{500, 499, -99});
    CHECK(sum.host()[0] == 250.0f);
    CHECK(slots.host()[0] == 1500);
    REQUIRE(run(spin, 1, 64, 0, flag.data) == cudaSuccess);
    CHECK(flag.host()[0] == 2);
  }
}

TEST_CASE("simt: votes and shuffles of parts of a warp") {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    const DeviceArray<int> out(64), moved(128);
    REQUIRE(run(votes, 1, 64, 0, out.data) == cudaSuccess);
    const auto v = out.host();
    CHECK(unsigned(v[1]) == 0xaaaa0000u);
    CHECK(v[0] == 1 + 4 * 8);
    CHECK(v[34] == 1);
    REQUIRE(run(segments, 1, 32, 0, moved.data) == cudaSuccess);
    const auto m = moved.host();
    for (int lane = 0; lane < 32; ++lane) {
      CHECK(m[std::size_t(lane)] == lane / 8 * 8 + 1);
      CHECK(m[std::size_t(32 + lane)] == (lane % 8 < 3 ? lane : lane - 3));
      CHECK(m[std::size_t(64 + lane)] == (lane % 16 > 12 ? lane : lane + 3));
      CHECK(m[std::size_t(96 + lane)] == (lane ^ 5));
    }
  }
}

TEST_CASE("simt: barrier divergence and deadlocks are reported, and the machine goes on") {
  const DeviceArray<int> x(64);
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    CHECK(run(early_return, 2, 64, 0, x.data) == cudaSuccess);
    ::setenv("SIMT_EXITED", "refuse", 1);
    const auto returned = violation(early_return, 2, 64, x.data);
    ::unsetenv("SIMT_EXITED");
    holds(returned, "early_return, block (");
    holds(returned, "barrier divergence");
    holds(returned, "simt.cpp:");
    holds(violation(two_barriers, 1, 64, x.data), "of the block at simt.cpp:");
    holds(violation(barrier_against_warp, 1, 32, x.data), "__syncwarp");
    holds(violation(barrier_against_warp, 1, 32, x.data), "deadlock");
    REQUIRE(run(nothing, 7, 33, 0) == cudaSuccess);
  }
}

TEST_CASE("simt: broken rules of warp collectives are reported") {
  const DeviceArray<int> x(64);
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    holds(violation(outside_mask, 1, 32, x.data), "does not hold the calling lane");
    holds(violation(reads_outside_mask, 1, 32, x.data), "reads lane 20, which is not in the mask 0x0000ffff");
    holds(violation(reads_missing_lane, 1, 40, x.data),
          "lane 7 reads lane 8, which has returned or does not exist");
    holds(violation(mixed_collectives, 1, 32, x.data), "different collectives");
    holds(violation(bad_width, 1, 32, x.data), "width is 12");
  }
  REQUIRE(run(segments, 1, 32, 0, DeviceArray<int>(128).data) == cudaSuccess);
}

TEST_CASE("simt: a stack that grows too large is reported, other exceptions pass through") {
  const DeviceArray<int> x(32);
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    holds(violation(deep, 1, 32, x.data), "needs more stack");
    CHECK_THROWS_AS(run(throws, 2, 40, 0), Unexpected);
    REQUIRE(run(nothing, 1, 32, 0) == cudaSuccess);
  }
}

TEST_CASE("simt: a violation holds the kernel, the block and the thread") {
  simt::set_seed(0);
  const DeviceArray<int> x(64);
  try {
    run(outside_mask, dim3(1, 2), dim3(8, 4), 0, x.data);
    FAIL("no violation");
  } catch (const simt::Violation& error) {
    CHECK(error.kernel == "outside_mask");
    CHECK(error.block.y == 0);
    CHECK(error.thread.x == 0);
    CHECK(error.thread.y == 2);
  }
}

#if SIMT_CUB
TEST_CASE("simt: CUB's own reductions are right, and want the block's shape") {
  const auto x = draw(128, 5);
  const DeviceArray<float> dx(x);
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    const DeviceArray<float> out(6);
    REQUIRE(run(cub_sums<128>, 1, 128, 0, dx.data, out.data) == cudaSuccess);
    const auto y = out.host();
    double total = 0, warp[4] = {};
    for (std::size_t i = 0; i < 128; ++i) total += double(x[i]), warp[i / 32] += double(x[i]);
    CHECK(double(y[0]) == Approx(total).epsilon(1e-5));
    CHECK(y[1] == *std::max_element(x.begin(), x.end()));
    for (std::size_t w = 0; w < 4; ++w) CHECK(double(y[2 + w]) == Approx(warp[w]).epsilon(1e-5));
    if (simt::checks_accesses()) holds(violation(cub_sums<128>, 1, 64, dx.data, out.data), "never written");
  }
}
#endif

TEST_CASE("simt: arithmetic of the intrinsics") {
  CHECK(__umulhi(0xffffffffu, 0xffffffffu) == 0xfffffffeu);
  CHECK(__umul64hi(~0ull, 2) == 1);
  CHECK(__clz(1) == 31);
  CHECK(__ffs(0) == 0);
  CHECK(__ffs(8) == 4);
  CHECK(__float_as_int(1.0f) == 0x3f800000);
  CHECK(__int_as_float(0x40000000) == 2.0f);
  CHECK(rsqrtf(4.0f) == 0.5f);
  CHECK(__expf(1.5f) == Approx(std::exp(1.5)).epsilon(1e-6));
  CHECK(__fdividef(3.0f, 0x1p127f) == 0.0f);
  CHECK(min(2u, 3u) == 2u);
  CHECK(max(-1.0f, NAN) == -1.0f);
  CHECK(__bfloat16_as_ushort(__float2bfloat16(1.0f + 0x1p-8f)) == 0x3f80);
  CHECK(__bfloat162float(__float2bfloat16(1.0f + 0x1.8p-7f)) == 1.0f + 0x1p-6f);
  CHECK(std::isnan(__bfloat162float(__float2bfloat16(NAN))));
}

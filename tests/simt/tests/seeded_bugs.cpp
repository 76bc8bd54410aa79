// Kernels with one seeded bug each, which has to be reported, next to their correct twins, which must not be.
#include <cuda_runtime.h>

#if SIMT_CUB
#include <cub/block/block_reduce.cuh>
#endif

#include "support.h"

using namespace simt_check;

namespace {

// Every kernel is correct if Bug is false.
template <bool Bug>
__global__ void reverse(const float* x, float* y) {
  __shared__ float tile[64];
  tile[threadIdx.x] = 0;
  __syncthreads();
  tile[threadIdx.x] = x[threadIdx.x];
  if (!Bug) __syncthreads();
  y[threadIdx.x] = tile[63 - threadIdx.x];
}

// Refills the tile while others still read it.
template <bool Bug>
__global__ void twice(const float* x, float* y) {
  float* const tile = static_cast<float*>(simt::dynamic_shared_memory());
  for (int round = 0; round < 2; ++round) {
    tile[threadIdx.x] = x[threadIdx.x] + float(round);
    __syncthreads();
    y[threadIdx.x] = tile[63 - threadIdx.x];
    if (!Bug) __syncthreads();
  }
}

template <bool Bug>
__global__ void tail(const float* x, float* y, int n) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (Bug ? i <= n : i < n) y[i] = x[i];
}

template <bool Bug>
__global__ void dynamic_tail(const float* x, float* y) {
  float* const tile = static_cast<float*>(simt::dynamic_shared_memory());
  tile[threadIdx.x + (threadIdx.x == 63 && Bug)] = x[threadIdx.x];
  if (!Bug) y[threadIdx.x] = tile[threadIdx.x];
}

template <bool Bug>
__global__ void unset_shared(const float* x, float* y) {
  __shared__ float tile[64];
  if (threadIdx.x < (Bug ? 63 : 64)) tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = tile[63 - threadIdx.x];
}

// The second block would read what the first one left.
template <bool Bug>
__global__ void left_over(float* y) {
  __shared__ float total;
  if (threadIdx.x == 0 && (!Bug || blockIdx.x == 0)) total = 1;
  __syncthreads();
  y[blockIdx.x * blockDim.x + threadIdx.x] = total;
}

template <bool Bug>
__global__ void blocks_share(float* y) {
  const unsigned i = blockIdx.x * (blockDim.x - Bug) + threadIdx.x;
  y[i] = float(i + blockIdx.x);
}

template <bool Bug>
__global__ void reads_neighbour(float* x, float* y) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  const float left = x[i == 0 ? 0 : i - 1];
  (Bug ? x : y)[i] = left;
}

template <bool Bug>
__global__ void vectors(const float* x, float* y) {
  const auto* const from = reinterpret_cast<const float4*>(x + (Bug ? 1 : 0));
  reinterpret_cast<float4*>(y)[threadIdx.x] = from[threadIdx.x];
}

template <bool Bug>
__global__ void adds(float* y, int* count) {
  if (Bug) atomicAdd(y, 1.0f);
  atomicAdd(count, 1);
}

// A part of a warp writes, another part reads.
template <bool Bug>
__global__ void in_a_warp(const float* x, float* y) {
  __shared__ float tile[32];
  tile[threadIdx.x] = 0;
  __syncwarp();
  tile[threadIdx.x] = x[threadIdx.x];
  if (Bug)
    __shfl_sync(0xffffffffu, 1, 0);  // does not order memory
  else
    __syncwarp();
  y[threadIdx.x] = tile[31 - threadIdx.x];
}

// The halves of a warp meet separately, with their own masks.
template <bool Bug>
__global__ void in_half_a_warp(const float* x, float* y) {
  __shared__ float tile[32];
  const unsigned half = threadIdx.x / 16;
  tile[threadIdx.x] = 0;
  __syncwarp();
  tile[threadIdx.x] = x[threadIdx.x];
  __syncwarp(0xffffu << (16 * half));
  y[threadIdx.x] = tile[(Bug ? 31 : 16 * half + 15 + 16 * half) - threadIdx.x];
}

template <bool Bug>
__global__ void odd_mask(float* y) {
  const unsigned mask = Bug ? 0x0000ffffu : 0xffffffffu;
  y[threadIdx.x] = __shfl_xor_sync(mask, float(threadIdx.x), 1);
}

template <bool Bug>
__global__ void odd_lane(float* y) {
  if (threadIdx.x < 16) y[threadIdx.x] = __shfl_sync(0x0000ffffu, float(threadIdx.x), Bug ? 16 : 15);
}

template <bool Bug>
__global__ void some_wait(float* y) {
  if (!Bug || threadIdx.x < 32) __syncthreads();
  y[threadIdx.x] = 1;
}

// The two halves of a word belong to different threads.
template <bool Bug>
__global__ void halves(const unsigned short* x, unsigned short* y) {
  y[threadIdx.x] = x[threadIdx.x];
  if (Bug) y[threadIdx.x ^ 1] = 0;
}
__global__ void halves_in_place(unsigned short* x) {
  x[threadIdx.x] = static_cast<unsigned short>(2 * x[threadIdx.x]);
}

template <bool Bug>
__global__ void one_word_by_all(float* y) {
  y[0] = Bug ? float(threadIdx.x + blockIdx.x) : 1.0f;
}

#if SIMT_CUB
template <bool Bug>
__global__ void reuses_storage(const float* x, float* y) {
  using Reduce = cub::BlockReduce<float, 64>;
  __shared__ typename Reduce::TempStorage storage;
  const float sum = Reduce(storage).Sum(x[threadIdx.x]);
  if (!Bug) __syncthreads();
  const float squares = Reduce(storage).Sum(x[threadIdx.x] * x[threadIdx.x]);
  if (threadIdx.x == 0) y[0] = sum + squares;
}
#endif

__global__ void writes_index() { const_cast<uint3&>(threadIdx).x = 3; }

// Checks that the report of `bug` contains the text, and that `correct` reports nothing.
template <class... Params, class... Args>
void pair(void (*bug)(Params...), void (*correct)(Params...), const char* text, dim3 grid, dim3 block,
          std::size_t shared, Args... args) {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    CHECK(run(correct, grid, block, shared, args...) == cudaSuccess);
    std::string report;
    try {
      run(bug, grid, block, shared, args...);
    } catch (const simt::Violation& error) {
      report = error.what();
      CHECK_FALSE(error.kernel.empty());
    }
    INFO(report);
    CHECK(report.find(text) != std::string::npos);
    CHECK(report.find("seeded_bugs.cpp:") != std::string::npos);
  }
}
#define PAIR(kernel, ...) pair(kernel<true>, kernel<false>, __VA_ARGS__)

struct Arrays {
  DeviceArray<float> x{draw(65, 9)}, y{128};
  float* from = x.data;
  float* to = y.data;
};

}  // namespace

TEST_CASE("simt: seeded races are reported") {
  if (!simt::checks_accesses()) return;
  const Arrays a;
  PAIR(reverse, "data race: thread (", 1, 64, 0, a.from, a.to);
  PAIR(twice, "data race: thread (", 1, 64, 256, a.from, a.to);
  PAIR(in_a_warp, "data race: thread (", 1, 32, 0, a.from, a.to);
  PAIR(in_half_a_warp, "data race: thread (", 1, 32, 0, a.from, a.to);
  PAIR(blocks_share, "of another block wrote it", 2, 64, 0, a.to);
  PAIR(reads_neighbour, "data race", 2, 32, 0, a.from, a.to);
#if SIMT_CUB
  holds(violation(reuses_storage<true>, 1, 64, a.from, a.to), "data race");  // its place is CUB's
  CHECK(run(reuses_storage<false>, 1, 64, 0, a.from, a.to) == cudaSuccess);
#endif
  DeviceArray<unsigned short> p(std::vector<unsigned short>(64, 1)), q(64);
  PAIR(halves, "data race", 1, 64, 0, p.data, q.data);
  CHECK(run(halves_in_place, 1, 64, 0, p.data) == cudaSuccess);
}

TEST_CASE("simt: threads may write one value to the same place, unless that is forbidden") {
  if (!simt::checks_accesses()) return;
  const Arrays a;
  PAIR(one_word_by_all, "data race", 2, 64, 0, a.to);
  simt::allow_same_values(false);
  holds(violation(one_word_by_all<false>, 2, 64, a.to), "data race");
  simt::allow_same_values(true);
}

TEST_CASE("simt: seeded accesses out of bounds are reported") {
  if (!simt::checks_accesses()) return;
  const Arrays a;
  const DeviceArray<float> exact(draw(65, 1)), target(65);
  PAIR(tail, "out of bounds: reads 4 bytes", 2, 64, 0, exact.data, target.data, 65);
  PAIR(dynamic_tail, "byte 256", 1, 64, 256, a.from, a.to);
}

TEST_CASE("simt: a launch with too little dynamic shared memory is reported") {
  if (!simt::checks_accesses()) return;
  const Arrays a;
  CHECK(run(twice<false>, 1, 64, 256, a.from, a.to) == cudaSuccess);
  try {
    run(twice<false>, 1, 64, 252, a.from, a.to);
    FAIL("no violation");
  } catch (const simt::Violation& error) {
    holds(error.what(), "seeded_bugs.cpp:");
  }
}

TEST_CASE("simt: seeded reads of what was never written are reported") {
  if (!simt::checks_accesses()) return;
  const Arrays a;
  PAIR(unset_shared, "never written", 1, 64, 0, a.from, a.to);
  PAIR(left_over, "never written", 2, 64, 0, a.to);
  const DeviceArray<float> fresh(65);
  simt::set_seed(0);
  holds(violation(vector_add, 1, 64, a.from, fresh.data, a.to, 64), "never written: reads 4 bytes");
  CHECK(simt::undefined_bytes(fresh.data, 260) == 260);
  float host[65];
  CHECK_THROWS_WITH(cudaMemcpy(host, fresh.data, 260, cudaMemcpyDeviceToHost),
                    "cudaMemcpy: byte 0 of 260 of the source was never written");
  // Copies on the device keep undefined bytes undefined.
  const DeviceArray<float> copied(65);
  REQUIRE(cudaMemset(fresh.data, 0, 8) == cudaSuccess);
  REQUIRE(cudaMemcpy(copied.data, fresh.data, 260, cudaMemcpyDeviceToDevice) == cudaSuccess);
  CHECK(simt::undefined_bytes(copied.data, 260) == 252);
  simt::mark_undefined(copied.data, 200, nullptr);
  CHECK_THROWS_WITH(cudaMemcpy(host, copied.data + 50, 4, cudaMemcpyDeviceToHost),
                    "cudaMemcpy: byte 0 of 4 of the source is out of bounds");
}

TEST_CASE("simt: seeded misuse of warps, alignment and atomics is reported") {
  if (!simt::checks_accesses()) return;
  const Arrays a;
  const DeviceArray<int> count(std::vector<int>{0});
  REQUIRE(cudaMemset(a.to, 0, 4) == cudaSuccess);
  PAIR(vectors, "misaligned access: 16 bytes", 1, 16, 0, a.from, a.to);
  simt::allow_float_atomics(false);
  PAIR(adds, "a floating-point atomic", 1, 32, 0, a.to, count.data);
  simt::allow_float_atomics(true);
  PAIR(odd_mask, "does not hold the calling lane", 1, 32, 0, a.to);
  PAIR(odd_lane, "reads lane 16, which is not in the mask", 1, 32, 0, a.to);
  PAIR(some_wait, "barrier divergence", 1, 64, 0, a.to);
}

TEST_CASE("simt: a kernel that is given host memory is reported") {
  if (!simt::checks_accesses()) return;
  const Arrays a;
  std::vector<float> heap(64);
  float stack[64] = {};
  static float global[64] = {};
  for (float* host : {heap.data(), stack, global}) {
    holds(violation(vector_add, 1, 64, static_cast<const float*>(a.from), static_cast<const float*>(host),
                    a.to, 64),
          "host memory touched by a kernel: reads 4 bytes");
    holds(violation(vector_add, 1, 64, static_cast<const float*>(a.from), static_cast<const float*>(a.from),
                    host, 64),
          "host memory touched by a kernel: writes 4 bytes");
  }
  holds(violation(vector_add, 1, 64, static_cast<const float*>(a.from), static_cast<const float*>(nullptr),
                  a.to, 64),
        "null pointer");
  holds(violation(writes_index, 1, 1), "writes an index variable");
}

// Threads and blocks that wait for each other: kernels that end, and twins that hang or meet at a wrong
// place.
#undef NDEBUG  // the tests assert
#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <cassert>
#include <cuda/barrier>
#include <vector>

#include "support.h"

using namespace simt_check;
namespace cg = cooperative_groups;

namespace {

// Block 0 waits for the last block; with Bug nobody sets the flag.
template <bool Bug>
__global__ void waits_for_block(int* x, int* flag) {
  if (blockIdx.x == gridDim.x - 1) {
    x[1] = 41;
    __threadfence();
    if (!Bug) atomicExch(flag, 1);
  } else if (blockIdx.x == 0) {
    while (atomicAdd(flag, 0) == 0) {
    }
    __threadfence();
    x[0] = x[1] + 1;
  }
}

// The blocks keep what is in their shared memory while others run.
__global__ void meets_by_counter(int* x, int* arrived) {
  __shared__ int tile[32];
  tile[threadIdx.x] = int(blockIdx.x * 32 + threadIdx.x);
  __syncthreads();
  if (threadIdx.x == 0) {
    atomicAdd(arrived, 1);
    while (atomicAdd(arrived, 0) < int(gridDim.x)) {
    }
  }
  __syncthreads();
  x[blockIdx.x * 32 + threadIdx.x] = tile[31 - threadIdx.x];
}

__global__ void takes_lock(int* sum, int* lock) {
  while (atomicCAS(lock, 0, 1) != 0) {
  }
  __threadfence();
  *sum += 1;
  __threadfence();
  atomicExch(lock, 0);
}

__global__ void polls(volatile int* flag) {
  if (threadIdx.x == 0)
    while (*flag == 0) {
    }
}
__global__ void never_ends() {
  for (;;) {
  }
}

__device__ __attribute__((noinline)) void publish(int* x) {
  x[threadIdx.x] = 1;
  __syncthreads();
}
template <bool Bug>
__global__ void calls_twice(int* x) {
  if (Bug && threadIdx.x < 32) {
    publish(x);
  } else {
    publish(x);
  }
}
template <bool Bug>
__global__ void full_mask(int* x) {
  int value = int(threadIdx.x);
  if (threadIdx.x < 16) value += __shfl_xor_sync(Bug ? 0xffffffffu : 0xffffu, value, 8);
  x[threadIdx.x] = value;
}

__global__ void converged(unsigned* x) {
  if (threadIdx.x % 2 == 0) {
    x[threadIdx.x] = __activemask();
  } else {
    x[threadIdx.x] = __activemask();
  }
}
__global__ void matches(int* x) {
  const unsigned same = __match_any_sync(0xffffffffu, threadIdx.x % 4);
  int all = 0;
  __match_all_sync(0xffffffffu, 7, &all);
  x[threadIdx.x] = __reduce_add_sync(same, int(threadIdx.x)) + 1000 * all + int(__reduce_max_sync(same, 1u));
}
__global__ void groups(int* x) {
  const auto tile = cg::tiled_partition<8>(cg::this_thread_block());
  int value = cg::reduce(tile, int(threadIdx.x), cg::plus<int>());
  if (threadIdx.x % 3 == 0) {
    const auto group = cg::coalesced_threads();
    value += 1000 * int(cg::labeled_partition(group, int(threadIdx.x % 2)).size());
  }
  x[threadIdx.x] = value;
}
__global__ void arrives(int* x) {
  __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
  __shared__ int tile[64];
  if (threadIdx.x == 0) init(&barrier, 64);
  __syncthreads();
  tile[threadIdx.x] = int(threadIdx.x);
  barrier.arrive_and_wait();
  x[threadIdx.x] = tile[63 - threadIdx.x];
}

__global__ void asserts(int n) { assert(int(threadIdx.x) < n); }
__global__ void smashes(int* x, int n) {
  int local[4];
  for (int i = 0; i < n; ++i) local[i] = x[i];
  x[0] = local[n % 4];
}
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
__global__ void unset(float* x, int n) {
  float sum;
  for (int i = 0; i < n; ++i) sum += 1;
  x[threadIdx.x] = sum;
}

}  // namespace

TEST_CASE("simt: blocks wait for each other") {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    if (!simt::checks_accesses()) continue;  // without hooks blocks run one after the other
    const DeviceArray<int> x(std::vector<int>(512, 0)), flag(std::vector<int>{0}), count(std::vector<int>{0});
    REQUIRE(run(waits_for_block<false>, 5, 1, 0, x.data, flag.data) == cudaSuccess);
    CHECK(x.host()[0] == 42);
    REQUIRE(run(meets_by_counter, 16, 32, 0, x.data, count.data) == cudaSuccess);
    const auto y = x.host();
    for (int i = 0; i < 512; ++i) REQUIRE(y[std::size_t(i)] == i / 32 * 32 + 31 - i % 32);
  }
}

TEST_CASE("simt: a lock lets every thread of a warp in") {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    const DeviceArray<int> sum(std::vector<int>{0}), lock(std::vector<int>{0});
    REQUIRE(run(takes_lock, 3, 64, 0, sum.data, lock.data) == cudaSuccess);
    CHECK(sum.host()[0] == 192);
  }
}

TEST_CASE("simt: waits that never end are reported") {
  if (!simt::checks_accesses()) return;
  for (const auto seed : {0, 1, 2}) {
    simt::set_seed(std::uint64_t(seed));
    const DeviceArray<int> x(64), flag(std::vector<int>{0});
    holds(violation(waits_for_block<true>, 5, 1, x.data, flag.data), "hang: the thread waits for memory");
    holds(violation(polls, 2, 32, static_cast<volatile int*>(flag.data)), "waits.cpp:");
  }
  ::setenv("SIMT_TIMEOUT", "1", 1);
  holds(violation(never_ends, 1, 32), "hang: the thread runs without an end");
  ::unsetenv("SIMT_TIMEOUT");
}

TEST_CASE("simt: barriers and collectives in different calls are told apart") {
  const DeviceArray<int> x(64);
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    CHECK(run(calls_twice<false>, 1, 64, 0, x.data) == cudaSuccess);
    CHECK(run(full_mask<false>, 1, 32, 0, x.data) == cudaSuccess);
    if (!simt::checks_accesses()) continue;
    holds(violation(calls_twice<true>, 1, 64, x.data), "barrier divergence");
    holds(violation(full_mask<true>, 1, 32, x.data), "the mask 0xffffffff holds lane");
  }
}

TEST_CASE("simt: lanes find each other") {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    const DeviceArray<unsigned> masks(64);
    const DeviceArray<int> x(std::vector<int>(64, 0));
    REQUIRE(run(converged, 1, 64, 0, masks.data) == cudaSuccess);
    CHECK(masks.host()[32] == 0x55555555u);
    CHECK(masks.host()[33] == 0xaaaaaaaau);
    REQUIRE(run(matches, 1, 32, 0, x.data) == cudaSuccess);
    CHECK(x.host()[1] == 1121);
    REQUIRE(run(groups, 1, 64, 0, x.data) == cudaSuccess);
    CHECK(x.host()[0] == 28 + 6000);
    CHECK(x.host()[1] == 28);
    REQUIRE(run(arrives, 1, 64, 0, x.data) == cudaSuccess);
    CHECK(x.host()[0] == 63);
  }
}

TEST_CASE("simt: asserts, overflows of local arrays and unset locals are reported") {
  holds(violation(asserts, 1, 32, 7), "assertion `int(threadIdx.x) < n` failed at waits.cpp:");
  if (!simt::checks_accesses()) return;
  const DeviceArray<int> x(std::vector<int>(64, 3));
  holds(violation(smashes, 1, 32, x.data, 12), "out of bounds: index 4 of an array");
  const DeviceArray<float> y(32);
  holds(violation(unset, 1, 32, y.data, 3), "never set");
}

// Tests the counters on kernels whose sectors, bank conflicts, barriers and divergence can be counted by
// hand.
#include "support.h"

namespace simt_check {
namespace {

__global__ void copy_strided(const float* x, float* y, int stride, int offset) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  y[i] = x[offset + i * stride];
}

__global__ void read_one(const float* x, float* y) { y[blockIdx.x * blockDim.x + threadIdx.x] = x[0]; }

struct alignas(16) Four {
  float v[4];
};
__global__ void copy_quads(const Four* x, Four* y) {
  const Four value = x[threadIdx.x];
  y[threadIdx.x] = value;
}

// Lane i stores word i * stride and loads it after a barrier.
__global__ void through_shared(float* y, int stride) {
  float* const shared = static_cast<float*>(simt::dynamic_shared_memory());
  shared[int(threadIdx.x) * stride] = float(threadIdx.x);
  __syncthreads();
  y[threadIdx.x] = shared[int(threadIdx.x) * stride];
}
// Lanes access quads that are `row` words apart.
__global__ void quads_through_shared(const Four* x, float* y, int row) {
  float* const shared = static_cast<float*>(simt::dynamic_shared_memory());
  const Four value = *x;
  *reinterpret_cast<Four*>(shared + int(threadIdx.x) * row) = value;
  __syncthreads();
  y[threadIdx.x] = shared[0];
}

__global__ void odd_lanes(float* y, float* z) {
  y[threadIdx.x] = 1;
  if (threadIdx.x % 2 == 1) z[threadIdx.x] = 2;
}

// Every lane loops. The conditional load depends on lane and round, the inner loop's length on the lane.
__global__ void diverge_and_meet(const float* x, const int* lengths, float* y, int rounds) {
  for (int r = 0; r < rounds; ++r) {
    const int i = r * 32 + int(threadIdx.x);
    if (int(threadIdx.x) % 9 <= r) y[i] = 1;
    y[32 * rounds + i] = x[i];
    for (int k = 0; k < lengths[threadIdx.x]; ++k) y[(2 + k) * 32 * rounds + i] = 2;
  }
}

template <class... Params, class... Args>
simt::KernelProfile profile_of(const char* name, void (*kernel)(Params...), dim3 grid, dim3 block,
                               std::size_t shared, Args... args) {
  simt::profile(true);
  REQUIRE(run(kernel, grid, block, shared, args...) == cudaSuccess);
  simt::profile(false);
  REQUIRE(simt::profiled_kernels() == std::vector<std::string>{std::string("simt_check::") + name});
  return simt::kernel_profile(std::string("simt_check::") + name);
}

}  // namespace

TEST_CASE("sectors are counted per request of a warp", "[simt][profile]") {
  if (!simt::checks_accesses()) return;
  const DeviceArray<float> x(draw(64 * 8 + 8, 3));
  DeviceArray<float> y(64);
  const auto strided = [&](int stride, int offset) {
    return profile_of("copy_strided", copy_strided, 1, 64, 0, static_cast<const float*>(x.data), y.data,
                      stride, offset);
  };
  const simt::KernelProfile dense = strided(1, 0);
  CHECK(dense.launches == 1);
  CHECK(dense.blocks == 1);
  CHECK(dense.loads == simt::GlobalTraffic{2, 8, 256, 256});
  CHECK(dense.stores == simt::GlobalTraffic{2, 8, 256, 256});
  CHECK(dense.instructions == 4);
  CHECK(dense.partial_instructions == 0);
  CHECK(strided(1, 1).loads.sectors == 10);  // one more sector per warp
  CHECK(strided(2, 0).loads.sectors == 16);
  CHECK(strided(8, 0).loads == simt::GlobalTraffic{2, 64, 256, 2048});
  const auto one = profile_of("read_one", read_one, 2, 32, 0, static_cast<const float*>(x.data), y.data);
  CHECK(one.blocks == 2);
  CHECK(one.loads == simt::GlobalTraffic{2, 2, 256, 64});
  const auto quads = profile_of("copy_quads", copy_quads, 1, 16, 0, reinterpret_cast<const Four*>(x.data),
                                reinterpret_cast<Four*>(y.data));
  CHECK(quads.loads == simt::GlobalTraffic{1, 8, 256, 256});
  CHECK(quads.stores == simt::GlobalTraffic{1, 8, 256, 256});
  CHECK(quads.partial_instructions == 0);  // half a warp is all that exists
}

TEST_CASE("bank conflicts and barriers are counted", "[simt][profile]") {
  if (!simt::checks_accesses()) return;
  const DeviceArray<float> x(draw(4, 5));
  DeviceArray<float> y(64);
  const auto words = [&](int stride) {
    return profile_of("through_shared", through_shared, 1, 32, std::size_t(32 * stride + 1) * sizeof(float),
                      y.data, stride);
  };
  for (const int stride : {1, 3, 33}) CHECK(words(stride).bank_conflicts == 0);
  CHECK(words(1).shared_requests == 2);
  CHECK(words(1).shared_wavefronts == 2);
  CHECK(words(1).barriers == 1);
  CHECK(words(2).bank_conflicts == 2);  // two-way, for the store and for the load
  CHECK(words(32).bank_conflicts == 62);
  const auto quads = [&](int row) {
    return profile_of("quads_through_shared", quads_through_shared, 1, 32,
                      std::size_t(32 * row) * sizeof(float), reinterpret_cast<const Four*>(x.data), y.data,
                      row);
  };
  CHECK(quads(4).shared_wavefronts == 4 + 1);  // eight lanes at a time, then one word for all
  CHECK(quads(12).bank_conflicts == 0);        // the quads are an odd number of quads apart
  CHECK(quads(8).bank_conflicts == 4);
  CHECK(quads(32).bank_conflicts == 28);
}

TEST_CASE("lanes that part meet again", "[simt][profile]") {
  if (!simt::checks_accesses()) return;
  const int rounds = 9;
  std::vector<int> lengths(32);
  for (std::size_t lane = 0; lane < 32; ++lane) lengths[lane] = lane % 2 == 0 ? 3 : 1;
  const DeviceArray<float> x(draw(32 * rounds, 7));
  const DeviceArray<int> n(lengths);
  DeviceArray<float> y(5 * 32 * rounds);
  const auto counts =
      profile_of("diverge_and_meet", diverge_and_meet, 1, 32, 0, static_cast<const float*>(x.data),
                 static_cast<const int*>(n.data), y.data, rounds);
  // A round has the conditional store, the store of all lanes, and three of the inner loop. Each touches four
  // sectors.
  CHECK(counts.stores.requests == 5 * rounds);
  CHECK(counts.stores.sectors == 4 * 5 * rounds);
  CHECK(counts.stores.bytes_requested == 4 * (170 + 32 * rounds + 64 * rounds));
}

TEST_CASE("accesses of a part of the warp are counted, and counting ends", "[simt][profile]") {
  if (!simt::checks_accesses()) return;
  DeviceArray<float> y(64), z(64);
  const auto odd = profile_of("odd_lanes", odd_lanes, 1, 64, 0, y.data, z.data);
  CHECK(odd.instructions == 4);
  CHECK(odd.partial_instructions == 2);
  CHECK(odd.stores == simt::GlobalTraffic{4, 16, 384, 512});
  REQUIRE(run(odd_lanes, 1, 64, 0, y.data, z.data) == cudaSuccess);
  CHECK(simt::kernel_profile("simt_check::odd_lanes").launches == 1);
  simt::profile(true);
  REQUIRE(run(odd_lanes, 1, 64, 0, y.data, z.data) == cudaSuccess);
  REQUIRE(run(odd_lanes, 1, 64, 0, y.data, z.data) == cudaSuccess);
  simt::profile(false);
  CHECK(simt::kernel_profile("simt_check::odd_lanes").launches == 2);
  CHECK(simt::kernel_profile("simt_check::odd_lanes").instructions == 8);
  CHECK(simt::kernel_profile("no such kernel").launches == 0);
}

}  // namespace simt_check

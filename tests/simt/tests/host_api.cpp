// Tests the emulator's host side: limits of a launch, memory, streams and events, counters, properties.
#include <cuda_runtime.h>
#include <nvtx3/nvToolsExt.h>

#include <cmath>

#include "support.h"

using namespace simt_check;

TEST_CASE("simt: launches outside of the device's limits are rejected") {
  const auto try_launch = [](dim3 grid, dim3 block, std::size_t shared = 0) {
    const cudaError_t error = run(nothing, grid, block, shared);
    CHECK(cudaPeekAtLastError() == error);
    CHECK(cudaGetLastError() == error);
    CHECK(cudaGetLastError() == cudaSuccess);
    return error;
  };
  CHECK(try_launch(1, 1024) == cudaSuccess);
  CHECK(try_launch(1, 1025) == cudaErrorInvalidConfiguration);
  CHECK(try_launch(1, dim3(32, 33)) == cudaErrorInvalidConfiguration);
  CHECK(try_launch(1, dim3(1, 1, 65)) == cudaErrorInvalidConfiguration);
  CHECK(try_launch(0, 32) == cudaErrorInvalidConfiguration);
  CHECK(try_launch(1, 0) == cudaErrorInvalidConfiguration);
  CHECK(try_launch(dim3(1, 65536), 1) == cudaErrorInvalidConfiguration);
  CHECK(try_launch(1, 32, 48 << 10) == cudaSuccess);
  CHECK(try_launch(1, 32, (48 << 10) + 1) == cudaErrorInvalidValue);
  const auto raise = [](int bytes) {
    return cudaFuncSetAttribute(nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
  };
  CHECK(raise((227 << 10) + 1) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue);
  CHECK(raise(227 << 10) == cudaSuccess);
  CHECK(try_launch(1, 32, 227 << 10) == cudaSuccess);
  int blocks = 0;
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, nothing, 256, 100 << 10) == cudaSuccess);
  CHECK(blocks == 2);
  CHECK(raise(48 << 10) == cudaSuccess);
  CHECK(try_launch(1, 32, 100 << 10) == cudaErrorInvalidValue);
  CHECK(std::string(cudaGetErrorName(cudaErrorInvalidConfiguration)) == "cudaErrorInvalidConfiguration");
}

TEST_CASE("simt: copies and frees with pointers of the wrong kind are rejected") {
  const DeviceArray<int> d(4);
  std::vector<int> h = {1, 2, 3, 4}, back(4);
  CHECK(cudaMemcpy(h.data(), h.data(), 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(d.data, d.data, 16, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(d.data, h.data(), 16, cudaMemcpyDeviceToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(d.data + 1, h.data(), 16, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(d.data, h.data(), 16, cudaMemcpyKind(7)) == cudaErrorInvalidMemcpyDirection);
  CHECK(cudaMemcpy(d.data, h.data(), 16, cudaMemcpyDefault) == cudaSuccess);
  CHECK(cudaMemcpy(back.data(), d.data, 16, cudaMemcpyDefault) == cudaSuccess);
  CHECK(back == h);
  CHECK(cudaMemset(h.data(), 0, 16) == cudaErrorInvalidValue);
  CHECK(cudaFree(h.data()) == cudaErrorInvalidValue);
  CHECK(cudaFree(d.data + 1) == cudaErrorInvalidValue);
  CHECK(cudaFree(nullptr) == cudaSuccess);
  void* too_large = nullptr;
  CHECK(cudaMalloc(&too_large, (std::size_t(2) << 30) + 1) == cudaErrorMemoryAllocation);
  CHECK(too_large == nullptr);
  cudaGetLastError();
}

TEST_CASE("simt: late streams run in order of their events and only when waited for") {
  for (const auto seed : seeds) {
    simt::set_seed(seed);
    const int n = 300;
    const DeviceArray<float> one(std::vector<float>(n, 1)), x(std::vector<float>(n, 0)), y(n);
    simt::set_late(true);
    cudaStream_t first = nullptr, second = nullptr;
    cudaEvent_t done = nullptr, end = nullptr;
    REQUIRE(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking) == cudaSuccess);
    REQUIRE(cudaEventCreate(&done) == cudaSuccess);
    REQUIRE(cudaEventCreate(&end) == cudaSuccess);
    cudaLaunchConfig_t config = {};
    config.gridDim = 2;
    config.blockDim = 256;
    config.stream = first;
    const auto add = [&](const float* a, const float* b, float* c) {
      REQUIRE(cudaLaunchKernelEx(&config, vector_add, a, b, c, n) == cudaSuccess);
    };
    for (int i = 0; i < 3; ++i) add(x.data, one.data, x.data);
    CHECK(x.peek(0) == 0.0f);
    REQUIRE(cudaEventRecord(done, first) == cudaSuccess);
    float time = -1;
    CHECK(cudaEventElapsedTime(&time, done, end) == cudaErrorInvalidResourceHandle);
    config.stream = second;
    REQUIRE(cudaStreamWaitEvent(second, done) == cudaSuccess);
    add(x.data, one.data, y.data);
    REQUIRE(cudaEventRecord(end, second) == cudaSuccess);
    CHECK(std::isnan(y.peek(n - 1)));
    REQUIRE(cudaStreamSynchronize(second) == cudaSuccess);
    CHECK(y.peek(n - 1) == 4.0f);
    CHECK(cudaEventElapsedTime(&time, done, end) == cudaSuccess);
    CHECK(time >= 0.0f);
    while (cudaStreamQuery(first) == cudaErrorNotReady) {
    }
    CHECK(cudaEventDestroy(done) == cudaSuccess);
    CHECK(cudaEventDestroy(end) == cudaSuccess);
    CHECK(cudaStreamDestroy(first) == cudaSuccess);
    CHECK(cudaStreamDestroy(second) == cudaSuccess);
    CHECK(cudaStreamDestroy(second) == cudaErrorInvalidResourceHandle);
    simt::set_late(false);
  }
  cudaGetLastError();
}

TEST_CASE("simt: pageable memory is read at the call, pinned memory by the copy") {
  const DeviceArray<int> a(1), b(1);
  int* pinned = nullptr;
  REQUIRE(cudaMallocHost(&pinned, sizeof(int)) == cudaSuccess);
  int pageable = *pinned = 1;
  simt::set_late(true);
  CHECK(cudaMemcpyAsync(a.data, &pageable, sizeof(int), cudaMemcpyHostToDevice) == cudaSuccess);
  CHECK(cudaMemcpyAsync(b.data, pinned, sizeof(int), cudaMemcpyHostToDevice) == cudaSuccess);
  pageable = 2;
  CHECK(cudaDeviceSynchronize() == cudaSuccess);
  simt::set_late(false);
  CHECK(a.host()[0] == 1);
  CHECK(b.host()[0] == 1);
  CHECK(cudaFree(pinned) == cudaErrorInvalidValue);
  CHECK(cudaFreeHost(pinned) == cudaSuccess);
  cudaGetLastError();
}

TEST_CASE("simt: launches, barriers and threads are counted and named") {
  const DeviceArray<float> x(draw(512, 4)), sums(2);
  simt::reset_stats();
  REQUIRE(run(block_sum<float>, 2, 256, 0, x.data, sums.data, 512) == cudaSuccess);
  REQUIRE(run(nothing, 3, 5, 0) == cudaSuccess);
  const auto stats = simt::stats();
  CHECK(stats.launches == 2);
  CHECK(stats.barriers == 2);
  CHECK(stats.threads == 2 * 256 + 15);
  CHECK(stats.copies == 0);
  CHECK(simt::launch_log() ==
        std::vector<std::string>{"simt_check::block_sum<float>", "simt_check::nothing"});
  CHECK(nvtxRangePushA("outer") == 0);
  CHECK(nvtxRangePop() == 0);
  CHECK(nvtxRangePop() < 0);
}

TEST_CASE("simt: the device describes itself") {
  cudaDeviceProp properties;
  REQUIRE(cudaGetDeviceProperties(&properties, 0) == cudaSuccess);
  CHECK(std::string(properties.name) == "SIMT emulator");
  CHECK(properties.major == 9);
  CHECK(properties.sharedMemPerBlockOptin == 232448);
  CHECK(cudaGetDeviceProperties(&properties, 1) == cudaErrorInvalidDevice);
  int value = 0;
  CHECK(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, 0) == cudaSuccess);
  CHECK(value == 4);
  cudaMemPool_t pool = nullptr;
  std::uint64_t threshold = ~0ull;
  REQUIRE(cudaDeviceGetDefaultMemPool(&pool, 0) == cudaSuccess);
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold) == cudaSuccess);
  float* data = nullptr;
  CHECK(cudaMallocAsync(&data, 400, nullptr) == cudaSuccess);
  std::size_t free = 0, total = 0;
  CHECK(cudaMemGetInfo(&free, &total) == cudaSuccess);
  CHECK(total - free == 400);
  CHECK(cudaFreeAsync(data, nullptr) == cudaSuccess);
  CHECK(cudaFreeAsync(data, nullptr) == cudaErrorInvalidValue);
  cudaGetLastError();
}

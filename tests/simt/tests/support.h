// What the emulator's tests share: device arrays, a short launch, inputs, seeds, a stream and small kernels.
#pragma once
#include <cuda_runtime.h>

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace simt_check {

template <class T>
struct DeviceArray {
  T* data = nullptr;
  std::size_t size;
  explicit DeviceArray(std::size_t n) : size(n) { REQUIRE(cudaMalloc(&data, n * sizeof(T)) == cudaSuccess); }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    REQUIRE(cudaMemcpy(data, values.data(), size * sizeof(T), cudaMemcpyHostToDevice) == cudaSuccess);
  }
  ~DeviceArray() { cudaFree(data); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  // Returns the element's present value; waits for nothing.
  T peek(std::size_t i) const {
    T value;
    simt::peek(&value, data + i, sizeof value);
    return value;
  }
  std::vector<T> host() const {
    std::vector<T> values(size);
    REQUIRE(cudaMemcpy(values.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost) == cudaSuccess);
    return values;
  }
};

// Launches on the default stream and waits for the result.
template <class... Params, class... Args>
cudaError_t run(void (*kernel)(Params...), dim3 grid, dim3 block, std::size_t shared, Args... args) {
  cudaLaunchConfig_t config = {};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared;
  const cudaError_t error = cudaLaunchKernelEx(&config, kernel, args...);
  return error == cudaSuccess ? cudaDeviceSynchronize() : error;
}

// Returns the message of the Violation that the launch throws, or an empty text.
template <class... Params, class... Args>
std::string violation(void (*kernel)(Params...), dim3 grid, dim3 block, Args... args) {
  try {
    run(kernel, grid, block, 0, args...);
  } catch (const simt::Violation& error) {
    return error.what();
  }
  return "";
}

inline bool holds(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
  return text.find(part) != std::string::npos;
}

inline std::vector<float> draw(std::size_t n, unsigned seed) {
  std::vector<float> values(n);
  for (auto& v : values) v = float(int((seed = seed * 1664525u + 1013904223u) >> 16) % 2001 - 1000) / 512.0f;
  return values;
}

inline constexpr std::uint64_t seeds[] = {0, 1, 2, 3, 5, 8, 13, 21};

inline __global__ void __launch_bounds__(256)
    vector_add(const float* __restrict__ a, const float* __restrict__ b, float* __restrict__ c, int n) {
  const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) c[i] = a[i] + b[i];
}

template <class T>
__global__ void block_sum(const T* x, T* sums, int n) {
  __shared__ T partial[32];
  T total = 0;
  for (int i = int(blockIdx.x * blockDim.x + threadIdx.x); i < n; i += int(gridDim.x * blockDim.x))
    total += x[i];
  for (int step = 16; step > 0; step /= 2) total += __shfl_xor_sync(0xffffffffu, total, step);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = total;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  total = threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : T(0);
  for (int step = 16; step > 0; step /= 2) total += __shfl_down_sync(0xffffffffu, total, unsigned(step));
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

struct Stream {
  cudaStream_t handle = nullptr;
  Stream() { REQUIRE(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking) == cudaSuccess); }
  ~Stream() { cudaStreamDestroy(handle); }
};

inline __global__ void nothing() {}
inline __global__ void add_one(float* x) { x[threadIdx.x] += 1; }

}  // namespace simt_check

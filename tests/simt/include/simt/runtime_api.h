// The host side of the CUDA runtime, with CUDA 13's values and the signatures of its C++ interface.
#pragma once
#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "simt/device_api.h"
#include "simt/graph_api.h"
#include "simt/launch_attributes.h"
#include "simt/machine.h"
#include "simt/padding.h"
#include "simt/stream_api.h"

#define CUDART_VERSION 13000

enum cudaMemcpyKind : int {
  cudaMemcpyHostToHost = 0,
  cudaMemcpyHostToDevice = 1,
  cudaMemcpyDeviceToHost = 2,
  cudaMemcpyDeviceToDevice = 3,
  cudaMemcpyDefault = 4
};

enum cudaFuncAttribute {
  cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
  cudaFuncAttributePreferredSharedMemoryCarveout = 9,
  cudaFuncAttributeClusterDimMustBeSet = 10,
  cudaFuncAttributeNonPortableClusterSizeAllowed = 14
};

enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold = 4 };

using cudaMemPool_t = struct CUmemPoolHandle_st*;
#define cudaHostAllocDefault 0x00

struct cudaFuncAttributes {
  std::size_t sharedSizeBytes, constSizeBytes, localSizeBytes;
  int maxThreadsPerBlock, numRegs, ptxVersion, binaryVersion, cacheModeCA, maxDynamicSharedSizeBytes;
};

struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  std::size_t dynamicSmemBytes;
  cudaStream_t stream;
  cudaLaunchAttribute* attrs;
  unsigned numAttrs;
};

cudaError_t cudaMalloc(void** pointer, std::size_t bytes);
cudaError_t cudaFree(void* pointer);
cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream);
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes);
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes, unsigned flags);
cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void* pointer);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream = nullptr);
cudaError_t cudaMemset(void* to, int value, std::size_t bytes);
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream = nullptr);
cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device);
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value);

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value);
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel);
cudaError_t cudaFuncSetCacheConfig(const void* kernel, cudaFuncCache config);
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel, int block_size,
                                                          std::size_t dynamic_shared_bytes);
// Returns in *block_size the largest block that fits, and in *grid_size the blocks that fill the device.
cudaError_t cudaOccupancyMaxPotentialBlockSize(int* grid_size, int* block_size, const void* kernel,
                                               std::size_t dynamic_shared_bytes = 0, int limit = 0);
// Launches a kernel with pointers to its arguments.
cudaError_t cudaLaunchKernel(const void* kernel, dim3 grid, dim3 block, void** args,
                             std::size_t dynamic_shared_bytes = 0, cudaStream_t stream = nullptr);
cudaError_t cudaLaunchCooperativeKernel(const void* kernel, dim3 grid, dim3 block, void** args,
                                        std::size_t dynamic_shared_bytes = 0, cudaStream_t stream = nullptr);

// Returns how many blocks a cluster of the kernel can have, and how many clusters run at once.
cudaError_t cudaOccupancyMaxPotentialClusterSize(int* size, const void* kernel,
                                                 const cudaLaunchConfig_t* config);
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* kernel,
                                           const cudaLaunchConfig_t* config);
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void** args);

template <class T>
requires(!std::is_void_v<T>) cudaError_t cudaMalloc(T** pointer, std::size_t bytes) {
  return cudaMalloc(reinterpret_cast<void**>(pointer), bytes);
}
template <class T>
requires(!std::is_void_v<T>) cudaError_t
    cudaMallocAsync(T** pointer, std::size_t bytes, cudaStream_t stream) {
  return cudaMallocAsync(reinterpret_cast<void**>(pointer), bytes, stream);
}
template <class T>
requires(!std::is_void_v<T>) cudaError_t
    cudaMallocHost(T** pointer, std::size_t bytes, unsigned flags = cudaHostAllocDefault) {
  return cudaMallocHost(reinterpret_cast<void**>(pointer), bytes, flags);
}
template <class T>
requires(!std::is_void_v<T>) cudaError_t cudaHostAlloc(T** pointer, std::size_t bytes, unsigned flags) {
  return cudaHostAlloc(reinterpret_cast<void**>(pointer), bytes, flags);
}
template <class To, class From>
requires(simt::Structured<To> || simt::Structured<From>) cudaError_t
    cudaMemcpy(To* to, const From* from, std::size_t bytes, cudaMemcpyKind kind) {
  const simt::CopyOf copy(simt::record_of<std::conditional_t<simt::Structured<To>, To, From>>());
  return cudaMemcpy(static_cast<void*>(to), static_cast<const void*>(from), bytes, kind);
}
template <class To, class From>
requires(simt::Structured<To> || simt::Structured<From>) cudaError_t
    cudaMemcpyAsync(To* to, const From* from, std::size_t bytes, cudaMemcpyKind kind,
                    cudaStream_t stream = nullptr) {
  const simt::CopyOf copy(simt::record_of<std::conditional_t<simt::Structured<To>, To, From>>());
  return cudaMemcpyAsync(static_cast<void*>(to), static_cast<const void*>(from), bytes, kind, stream);
}
template <class... Params>
cudaError_t cudaFuncSetAttribute(void (*kernel)(Params...), cudaFuncAttribute attribute, int value) {
  return cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), attribute, value);
}
template <class... Params>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, void (*kernel)(Params...)) {
  return cudaFuncGetAttributes(attributes, reinterpret_cast<const void*>(kernel));
}
template <class... Params>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*kernel)(Params...),
                                                          int block_size, std::size_t dynamic_shared_bytes) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks, reinterpret_cast<const void*>(kernel),
                                                       block_size, dynamic_shared_bytes);
}

template <class... Params>
cudaError_t cudaOccupancyMaxPotentialClusterSize(int* size, void (*kernel)(Params...),
                                                 const cudaLaunchConfig_t* config) {
  return cudaOccupancyMaxPotentialClusterSize(size, reinterpret_cast<const void*>(kernel), config);
}
template <class... Params>
cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, void (*kernel)(Params...),
                                           const cudaLaunchConfig_t* config) {
  return cudaOccupancyMaxActiveClusters(clusters, reinterpret_cast<const void*>(kernel), config);
}
template <class... Params>
cudaError_t cudaFuncSetCacheConfig(void (*kernel)(Params...), cudaFuncCache config) {
  return cudaFuncSetCacheConfig(reinterpret_cast<const void*>(kernel), config);
}
template <class... Params>
cudaError_t cudaOccupancyMaxPotentialBlockSize(int* grid_size, int* block_size, void (*kernel)(Params...),
                                               std::size_t dynamic_shared_bytes = 0, int limit = 0) {
  return cudaOccupancyMaxPotentialBlockSize(grid_size, block_size, reinterpret_cast<const void*>(kernel),
                                            dynamic_shared_bytes, limit);
}

namespace simt {
// Checks the configuration and queues the grid.
cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body,
                   const void* parameters = nullptr, std::size_t parameter_bytes = 0);
}  // namespace simt

// Copies the arguments at the call, and once more for each thread, as a kernel's parameters are.
template <class... Params, class... Args>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Params...), Args&&... args) {
  static_assert((!std::is_reference_v<Params> && ...), "a kernel takes its parameters by value");
  const auto copy = [](Params... values) {
    return std::make_shared<const std::tuple<Params...>>(std::move(values)...);
  };
  const auto values = copy(std::forward<Args>(args)...);
  return simt::launch(
      *config, reinterpret_cast<const void*>(kernel),
      [kernel, values] {
        const auto start = kernel;
        const auto& parameters = *values;
        std::apply(
            [start, &parameters](const Params&... each) {
              simt::enter_kernel(&parameters, sizeof parameters);
              start(each...);
            },
            parameters);
      },
      values.get(), (std::size_t(0) + ... + sizeof(Params)) == 0 ? 0 : sizeof *values);
}

namespace simt {

template <class... Params, std::size_t... I>
cudaError_t launch_typed(const cudaLaunchConfig_t& config, void (*kernel)(Params...), void** args,
                         std::index_sequence<I...>) {
  return cudaLaunchKernelEx(&config, kernel, *static_cast<std::remove_cv_t<Params>*>(args[I])...);
}
// Checks that all blocks of a cooperative launch are on the device at once.
cudaError_t check_cooperative(const void* kernel, dim3 grid, dim3 block, std::size_t dynamic_shared_bytes);

}  // namespace simt

template <class... Params>
cudaError_t cudaLaunchKernel(void (*kernel)(Params...), dim3 grid, dim3 block, void** args,
                             std::size_t dynamic_shared_bytes = 0, cudaStream_t stream = nullptr) {
  const cudaLaunchConfig_t config{grid, block, dynamic_shared_bytes, stream, nullptr, 0};
  return simt::launch_typed(config, kernel, args, std::index_sequence_for<Params...>());
}
template <class... Params>
cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(Params...), dim3 grid, dim3 block, void** args,
                                        std::size_t dynamic_shared_bytes = 0, cudaStream_t stream = nullptr) {
  return cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel), grid, block, args,
                                     dynamic_shared_bytes, stream);
}

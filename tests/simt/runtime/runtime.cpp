// Implements devices, errors, function attributes and the checks of a launch.
#include "runtime/runtime.h"

#include <algorithm>
#include <cstdio>
#include <map>

#include "report/ending.h"

namespace simt {
namespace {

thread_local cudaError_t last_error = cudaSuccess;

std::map<const void*, std::size_t>& raised_limits() {
  static std::map<const void*, std::size_t> limits;
  return limits;
}

constexpr int max_threads = 1024;
constexpr int max_threads_per_multiprocessor = 2048;
constexpr int max_blocks_per_multiprocessor = 32;
constexpr int shared_per_multiprocessor = 228 << 10;

cudaError_t check_shape(const dim3& grid, const dim3& block) {
  const bool grid_fits = grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535;
  const bool block_fits = block.x <= max_threads && block.y <= max_threads && block.z <= 64 &&
                          std::uint64_t(block.x) * block.y * block.z <= max_threads;
  const bool empty =
      grid.x == 0 || grid.y == 0 || grid.z == 0 || block.x == 0 || block.y == 0 || block.z == 0;
  return grid_fits && block_fits && !empty ? cudaSuccess : cudaErrorInvalidConfiguration;
}

struct ErrorText {
  cudaError_t error;
  const char *name, *text;
};
constexpr ErrorText error_texts[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInvalidMemcpyDirection, "cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"},
    {cudaErrorInvalidDeviceFunction, "cudaErrorInvalidDeviceFunction", "invalid device function"},
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorIllegalAddress, "cudaErrorIllegalAddress", "an illegal memory access was encountered"},
    {cudaErrorLaunchOutOfResources, "cudaErrorLaunchOutOfResources",
     "too many resources requested for launch"},
    {cudaErrorLaunchFailure, "cudaErrorLaunchFailure", "unspecified launch failure"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "the operation was not made on the stream that began the capture"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined",
     "capture ended with a forked stream that was not joined"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "dependency created on uncaptured work in another stream"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
     "operation not permitted on an event last recorded in a capturing stream"},
    {cudaErrorUnknown, "cudaErrorUnknown", "unknown error"},
};

const ErrorText* text_of(cudaError_t error) {
  const auto* found = std::find_if(std::begin(error_texts), std::end(error_texts),
                                   [=](const auto& t) { return t.error == error; });
  return found == std::end(error_texts) ? nullptr : found;
}

}  // namespace

cudaError_t result(cudaError_t error) {
  if (error != cudaSuccess) {
    last_error = error;
    note_error(error);
  }
  return error;
}

std::size_t shared_limit(const void* kernel) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = raised_limits().find(kernel);
  return found == raised_limits().end() ? std::size_t(shared_default) : found->second;
}

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> body) {
  if (kernel == nullptr) return result(cudaErrorInvalidDeviceFunction);
  if (!is_stream(config.stream)) return result(cudaErrorInvalidResourceHandle);
  if (config.numAttrs != 0) return result(cudaErrorNotSupported);
  if (const cudaError_t error = check_shape(config.gridDim, config.blockDim); error != cudaSuccess)
    return result(error);
  if (config.dynamicSmemBytes > shared_limit(kernel)) return result(cudaErrorInvalidValue);
  log_kernel(kernel);
  const auto [gx, gy, gz] = uint3(config.gridDim);
  const auto [bx, by, bz] = uint3(config.blockDim);
  enqueue(config.stream,
          {.kind = Piece::Kind::kernel,
           .name = kernel_name(kernel),
           .blocks = std::uint64_t(gx) * gy * gz,
           .threads = std::uint64_t(bx) * by * bz,
           .shared_bytes = config.dynamicSmemBytes},
          [grid = Grid{kernel, config.gridDim, config.blockDim, config.dynamicSmemBytes, std::move(body)}] {
            run_grid(grid);
          });
  return result(cudaSuccess);
}

}  // namespace simt

using namespace simt;

const char* cudaGetErrorName(cudaError_t error) {
  error_was_seen();
  const auto* found = text_of(error);
  return found != nullptr ? found->name : "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
  error_was_seen();
  const auto* found = text_of(error);
  return found != nullptr ? found->text : "unrecognized error code";
}
cudaError_t cudaGetLastError() {
  error_was_seen();
  return std::exchange(last_error, cudaSuccess);
}
cudaError_t cudaPeekAtLastError() {
  error_was_seen();
  return last_error;
}

cudaError_t cudaGetDeviceCount(int* count) {
  if (count == nullptr) return result(cudaErrorInvalidValue);
  *count = 1;
  return result(cudaSuccess);
}
cudaError_t cudaSetDevice(int device) { return result(device == 0 ? cudaSuccess : cudaErrorInvalidDevice); }
cudaError_t cudaGetDevice(int* device) {
  if (device == nullptr) return result(cudaErrorInvalidValue);
  *device = 0;
  return result(cudaSuccess);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (properties == nullptr) return result(cudaErrorInvalidValue);
  if (device != 0) return result(cudaErrorInvalidDevice);
  cudaDeviceProp p = {};
  std::snprintf(p.name, sizeof p.name, "SIMT emulator");
  p.totalGlobalMem = device_capacity();
  p.sharedMemPerBlock = shared_default;
  p.sharedMemPerBlockOptin = shared_optin;
  p.sharedMemPerMultiprocessor = shared_per_multiprocessor;
  p.reservedSharedMemPerBlock = 1024;
  p.regsPerBlock = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = max_threads;
  p.maxThreadsDim[0] = p.maxThreadsDim[1] = max_threads;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.major = 9;
  p.multiProcessorCount = multiprocessors;
  p.memoryBusWidth = 64;
  p.l2CacheSize = 1 << 20;
  p.maxThreadsPerMultiProcessor = max_threads_per_multiprocessor;
  p.maxBlocksPerMultiProcessor = max_blocks_per_multiprocessor;
  p.memoryPoolsSupported = 1;
  *properties = p;
  return result(cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (value == nullptr) return result(cudaErrorInvalidValue);
  cudaDeviceProp p;
  if (const cudaError_t error = cudaGetDeviceProperties(&p, device); error != cudaSuccess) return error;
  switch (attribute) {
    case cudaDevAttrMaxThreadsPerBlock:
      *value = p.maxThreadsPerBlock;
      break;
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = int(p.sharedMemPerBlock);
      break;
    case cudaDevAttrWarpSize:
      *value = p.warpSize;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = p.multiProcessorCount;
      break;
    case cudaDevAttrL2CacheSize:
      *value = p.l2CacheSize;
      break;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = p.maxThreadsPerMultiProcessor;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = p.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = p.minor;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = int(p.sharedMemPerMultiprocessor);
      break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = int(p.sharedMemPerBlockOptin);
      break;
    case cudaDevAttrMemoryPoolsSupported:
      *value = p.memoryPoolsSupported;
      break;
    default:
      return result(cudaErrorInvalidValue);
  }
  return result(cudaSuccess);
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  if (version == nullptr) return result(cudaErrorInvalidValue);
  *version = CUDART_VERSION;
  return result(cudaSuccess);
}
cudaError_t cudaDriverGetVersion(int* version) { return cudaRuntimeGetVersion(version); }

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  static char default_pool;
  if (pool == nullptr) return result(cudaErrorInvalidValue);
  if (device != 0) return result(cudaErrorInvalidDevice);
  *pool = reinterpret_cast<cudaMemPool_t>(&default_pool);
  return result(cudaSuccess);
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const bool known = pool != nullptr && value != nullptr && attribute == cudaMemPoolAttrReleaseThreshold;
  return result(known ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (kernel == nullptr) return result(cudaErrorInvalidDeviceFunction);
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout)
    return result(value >= -1 && value <= 100 ? cudaSuccess : cudaErrorInvalidValue);
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 || value > shared_optin)
    return result(cudaErrorInvalidValue);
  const std::lock_guard lock(runtime_mutex());
  raised_limits()[kernel] = std::size_t(value);
  return result(cudaSuccess);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  if (attributes == nullptr) return result(cudaErrorInvalidValue);
  if (kernel == nullptr) return result(cudaErrorInvalidDeviceFunction);
  *attributes = {};
  attributes->maxThreadsPerBlock = max_threads;
  attributes->numRegs = 32;
  attributes->ptxVersion = attributes->binaryVersion = 90;
  attributes->maxDynamicSharedSizeBytes = int(shared_limit(kernel));
  return result(cudaSuccess);
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel, int block_size,
                                                          std::size_t dynamic_shared_bytes) {
  if (blocks == nullptr || block_size <= 0) return result(cudaErrorInvalidValue);
  if (kernel == nullptr) return result(cudaErrorInvalidDeviceFunction);
  *blocks = 0;
  if (block_size > max_threads || dynamic_shared_bytes > shared_limit(kernel)) return result(cudaSuccess);
  const int threads = (block_size + 31) / 32 * 32;
  const int by_shared = int(std::size_t(shared_per_multiprocessor) / (dynamic_shared_bytes + 1024));
  *blocks = std::min({max_threads_per_multiprocessor / threads, max_blocks_per_multiprocessor, by_shared});
  return result(cudaSuccess);
}

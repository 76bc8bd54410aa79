// Implements devices: properties, attributes, limits, peers, pools. There is one device.
#include <array>
#include <cstdio>
#include <cstring>

#include "report/trace_notes.h"
#include "runtime/pinned.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

cudaError_t check_device(int device) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; }

template <class T>
cudaError_t answer(T* to, T value) {
  if (to == nullptr) return cudaErrorInvalidValue;
  *to = value;
  return cudaSuccess;
}

cudaDeviceProp properties_of_device() {
  cudaDeviceProp p = {};
  std::snprintf(p.name, sizeof p.name, "SIMT emulator");
  std::memcpy(p.uuid.bytes, "simt emulator 1", 16);
  p.totalGlobalMem = device_capacity();
  p.sharedMemPerBlock = shared_default;
  p.sharedMemPerBlockOptin = shared_optin;
  p.sharedMemPerMultiprocessor = shared_per_multiprocessor;
  p.reservedSharedMemPerBlock = 1024;
  p.totalConstMem = 65536;
  p.memPitch = 0x7fffffff;
  p.textureAlignment = p.surfaceAlignment = 512;
  p.texturePitchAlignment = 32;
  p.regsPerBlock = p.regsPerMultiprocessor = 65536;
  p.warpSize = 32;
  p.maxThreadsPerBlock = p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024;
  p.maxThreadsDim[2] = 64;
  p.maxGridSize[0] = 0x7fffffff;
  p.maxGridSize[1] = p.maxGridSize[2] = 65535;
  p.major = 9;
  p.multiProcessorCount = multiprocessors;
  p.memoryBusWidth = 64;
  p.l2CacheSize = 1 << 20;
  p.maxThreadsPerMultiProcessor = max_threads_per_multiprocessor;
  p.maxBlocksPerMultiProcessor = max_blocks_per_multiprocessor;
  p.memoryPoolsSupported = p.cooperativeLaunch = p.clusterLaunch = p.canMapHostMemory = 1;
  p.concurrentKernels = p.unifiedAddressing = p.streamPrioritiesSupported = 1;
  p.globalL1CacheSupported = p.localL1CacheSupported = p.managedMemory = p.concurrentManagedAccess = 1;
  p.computePreemptionSupported = p.canUseHostPointerForRegisteredMem = p.hostRegisterSupported = 1;
  p.asyncEngineCount = 3;
  p.clockRate = p.memoryClockRate = 1000000;
  p.deviceOverlap = 1;
  return p;
}

struct Attribute {
  cudaDeviceAttr attribute;
  int value;
};

std::size_t limits[] = {1024, 1 << 20, 8 << 20, 2, 2048, 64, 0};

}  // namespace
}  // namespace simt

using namespace simt;

cudaError_t cudaGetDeviceCount(int* count) { return result(answer(count, 1)); }
cudaError_t cudaSetDevice(int device) { return result(check_device(device)); }
cudaError_t cudaGetDevice(int* device) { return result(answer(device, 0)); }
cudaError_t cudaInitDevice(int device, unsigned, unsigned) { return result(check_device(device)); }
cudaError_t cudaChooseDevice(int* device, const cudaDeviceProp*) { return result(answer(device, 0)); }
cudaError_t cudaSetDeviceFlags(unsigned flags) {
  return result(flags <= 0x1f ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaGetDeviceFlags(unsigned* flags) { return result(answer(flags, unsigned(cudaDeviceMapHost))); }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (properties == nullptr) return result(cudaErrorInvalidValue);
  if (device != 0) return result(cudaErrorInvalidDevice);
  *properties = properties_of_device();
  return result(cudaSuccess);
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (value == nullptr) return result(cudaErrorInvalidValue);
  if (device != 0) return result(cudaErrorInvalidDevice);
  const cudaDeviceProp p = properties_of_device();
  const Attribute all[] = {
      {cudaDevAttrMaxThreadsPerBlock, p.maxThreadsPerBlock},
      {cudaDevAttrMaxBlockDimX, p.maxThreadsDim[0]},
      {cudaDevAttrMaxBlockDimY, p.maxThreadsDim[1]},
      {cudaDevAttrMaxBlockDimZ, p.maxThreadsDim[2]},
      {cudaDevAttrMaxGridDimX, p.maxGridSize[0]},
      {cudaDevAttrMaxGridDimY, p.maxGridSize[1]},
      {cudaDevAttrMaxGridDimZ, p.maxGridSize[2]},
      {cudaDevAttrMaxSharedMemoryPerBlock, int(p.sharedMemPerBlock)},
      {cudaDevAttrTotalConstantMemory, int(p.totalConstMem)},
      {cudaDevAttrWarpSize, p.warpSize},
      {cudaDevAttrMaxPitch, int(p.memPitch)},
      {cudaDevAttrMaxRegistersPerBlock, p.regsPerBlock},
      {cudaDevAttrClockRate, p.clockRate},
      {cudaDevAttrTextureAlignment, int(p.textureAlignment)},
      {cudaDevAttrGpuOverlap, p.deviceOverlap},
      {cudaDevAttrMultiProcessorCount, p.multiProcessorCount},
      {cudaDevAttrKernelExecTimeout, 0},
      {cudaDevAttrIntegrated, 0},
      {cudaDevAttrCanMapHostMemory, p.canMapHostMemory},
      {cudaDevAttrComputeMode, cudaComputeModeDefault},
      {cudaDevAttrConcurrentKernels, p.concurrentKernels},
      {cudaDevAttrEccEnabled, 0},
      {cudaDevAttrMemoryClockRate, p.memoryClockRate},
      {cudaDevAttrGlobalMemoryBusWidth, p.memoryBusWidth},
      {cudaDevAttrL2CacheSize, p.l2CacheSize},
      {cudaDevAttrMaxThreadsPerMultiProcessor, p.maxThreadsPerMultiProcessor},
      {cudaDevAttrAsyncEngineCount, p.asyncEngineCount},
      {cudaDevAttrUnifiedAddressing, p.unifiedAddressing},
      {cudaDevAttrComputeCapabilityMajor, p.major},
      {cudaDevAttrComputeCapabilityMinor, p.minor},
      {cudaDevAttrStreamPrioritiesSupported, p.streamPrioritiesSupported},
      {cudaDevAttrGlobalL1CacheSupported, p.globalL1CacheSupported},
      {cudaDevAttrLocalL1CacheSupported, p.localL1CacheSupported},
      {cudaDevAttrMaxSharedMemoryPerMultiprocessor, int(p.sharedMemPerMultiprocessor)},
      {cudaDevAttrMaxRegistersPerMultiprocessor, p.regsPerMultiprocessor},
      {cudaDevAttrManagedMemory, p.managedMemory},
      {cudaDevAttrHostNativeAtomicSupported, 0},
      {cudaDevAttrPageableMemoryAccess, p.pageableMemoryAccess},
      {cudaDevAttrConcurrentManagedAccess, p.concurrentManagedAccess},
      {cudaDevAttrComputePreemptionSupported, p.computePreemptionSupported},
      {cudaDevAttrCanUseHostPointerForRegisteredMem, p.canUseHostPointerForRegisteredMem},
      {cudaDevAttrCooperativeLaunch, p.cooperativeLaunch},
      {cudaDevAttrMaxSharedMemoryPerBlockOptin, int(p.sharedMemPerBlockOptin)},
      {cudaDevAttrHostRegisterSupported, p.hostRegisterSupported},
      {cudaDevAttrDirectManagedMemAccessFromHost, p.directManagedMemAccessFromHost},
      {cudaDevAttrMaxBlocksPerMultiprocessor, p.maxBlocksPerMultiProcessor},
      {cudaDevAttrReservedSharedMemoryPerBlock, int(p.reservedSharedMemPerBlock)},
      {cudaDevAttrMemoryPoolsSupported, p.memoryPoolsSupported},
      {cudaDevAttrClusterLaunch, p.clusterLaunch},
  };
  if (attribute == cudaDevAttrMultiProcessorCount) note_size_asked();
  for (const Attribute& a : all)
    if (a.attribute == attribute) return result(answer(value, a.value));
  return result(cudaErrorInvalidValue);
}

cudaError_t cudaDeviceGetPCIBusId(char* id, int length, int device) {
  if (id == nullptr || length < 13) return result(cudaErrorInvalidValue);
  std::snprintf(id, std::size_t(length), "0000:00:00.0");
  return result(check_device(device));
}
cudaError_t cudaRuntimeGetVersion(int* version) { return result(answer(version, CUDART_VERSION)); }
cudaError_t cudaDriverGetVersion(int* version) { return result(answer(version, CUDART_VERSION)); }

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t error = refuse_while_capturing(); error != cudaSuccess) return result(error);
  if (in_host_function()) return result(cudaErrorNotPermitted);
  {
    const std::lock_guard lock(runtime_mutex());
    note_host_wait_for_all();
  }
  finish_all();
  order::host_waited_for_all();
  pinned_release();
  return result(cudaSuccess);
}

cudaError_t cudaDeviceReset() {
  if (const cudaError_t error = cudaDeviceSynchronize(); error != cudaSuccess) return error;
  const std::lock_guard lock(runtime_mutex());
  forget_graphs();
  forget_events();
  forget_streams();
  forget_memory();
  return result(cudaSuccess);
}

cudaError_t cudaDeviceSetLimit(cudaLimit limit, std::size_t value) {
  if (limit < 0 || std::size_t(limit) >= std::size(limits)) return result(cudaErrorUnsupportedLimit);
  limits[limit] = value;
  return result(cudaSuccess);
}
cudaError_t cudaDeviceGetLimit(std::size_t* value, cudaLimit limit) {
  if (limit < 0 || std::size_t(limit) >= std::size(limits)) return result(cudaErrorUnsupportedLimit);
  return result(answer(value, limits[limit]));
}
cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache config) {
  return result(config <= cudaFuncCachePreferEqual ? cudaSuccess : cudaErrorInvalidValue);
}
cudaError_t cudaDeviceGetCacheConfig(cudaFuncCache* config) {
  return result(answer(config, cudaFuncCachePreferNone));
}
cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  if (least != nullptr) *least = 0;
  if (greatest != nullptr) *greatest = -5;
  return result(cudaSuccess);
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  if (device != 0 || peer != 0) return result(cudaErrorInvalidDevice);
  return result(answer(can, 0));
}
cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) { return result(cudaErrorInvalidDevice); }
cudaError_t cudaDeviceDisablePeerAccess(int peer) {
  return result(peer == 0 ? cudaErrorPeerAccessNotEnabled : cudaErrorInvalidDevice);
}
cudaError_t cudaDeviceGetP2PAttribute(int* value, cudaDeviceP2PAttr, int device, int peer) {
  if (device != 0 || peer != 0) return result(cudaErrorInvalidDevice);
  return result(answer(value, 0));
}

cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int device) {
  static char default_pool;
  if (device != 0) return result(cudaErrorInvalidDevice);
  return result(answer(pool, reinterpret_cast<cudaMemPool_t>(&default_pool)));
}
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t pool, cudaMemPoolAttr attribute, void* value) {
  const bool known = pool != nullptr && value != nullptr && attribute == cudaMemPoolAttrReleaseThreshold;
  return result(known ? cudaSuccess : cudaErrorInvalidValue);
}

cudaError_t cudaProfilerStart() { return result(cudaSuccess); }
cudaError_t cudaProfilerStop() { return result(cudaSuccess); }

// Implements memory that host and device share: managed, mapped and registered; and questions about pointers.
#include "checks/globals.h"
#include "memory/memory.h"
#include "runtime/runtime.h"
#include "simt/memory_api.h"

using namespace simt;

namespace {

bool is_managed(const void* pointer, std::size_t bytes) {
  return is_inside(pointer, bytes, MemoryKind::device) && is_inside(pointer, bytes, MemoryKind::pinned);
}

bool is_place(int device) { return device == 0 || device == cudaCpuDeviceId; }

cudaError_t check_managed(const void* pointer, std::size_t bytes) {
  return bytes > 0 && is_managed(pointer, bytes) ? cudaSuccess : cudaErrorInvalidValue;
}

}  // namespace

cudaError_t cudaMallocManaged(void** pointer, std::size_t bytes, unsigned flags) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  if (bytes == 0 || (flags != cudaMemAttachGlobal && flags != cudaMemAttachHost))
    return result(cudaErrorInvalidValue);
  return result(allocate(pointer, bytes, MemoryKind::managed, __builtin_return_address(0)));
}

// A hint about where pages are: it changes no values.
cudaError_t cudaMemPrefetchAsync(const void* pointer, std::size_t bytes, int device, cudaStream_t stream) {
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (!is_place(device)) return result(cudaErrorInvalidDevice);
  if (const cudaError_t error = check_managed(pointer, bytes); error != cudaSuccess) return result(error);
  enqueue(stream, {}, [] {});
  return result(cudaSuccess);
}
cudaError_t cudaMemPrefetchAsync(const void* pointer, std::size_t bytes, cudaMemLocation location,
                                 unsigned flags, cudaStream_t stream) {
  if (flags != 0) return result(cudaErrorInvalidValue);
  return cudaMemPrefetchAsync(
      pointer, bytes, location.type == cudaMemLocationTypeHost ? cudaCpuDeviceId : location.id, stream);
}
cudaError_t cudaMemAdvise(const void* pointer, std::size_t bytes, cudaMemoryAdvise advice, int device) {
  if (advice < cudaMemAdviseSetReadMostly || advice > cudaMemAdviseUnsetAccessedBy)
    return result(cudaErrorInvalidValue);
  if (advice > cudaMemAdviseUnsetReadMostly && !is_place(device)) return result(cudaErrorInvalidDevice);
  return result(check_managed(pointer, bytes));
}
cudaError_t cudaMemAdvise(const void* pointer, std::size_t bytes, cudaMemoryAdvise advice,
                          cudaMemLocation location) {
  return cudaMemAdvise(pointer, bytes, advice,
                       location.type == cudaMemLocationTypeHost ? cudaCpuDeviceId : location.id);
}
cudaError_t cudaStreamAttachMemAsync(cudaStream_t stream, void* pointer, std::size_t, unsigned) {
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  return result(check_managed(pointer, 1));
}

cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned flags) {
  if (device == nullptr || flags != 0 || !is_inside(host, 1, MemoryKind::pinned))
    return result(cudaErrorInvalidValue);
  *device = host;
  return result(cudaSuccess);
}
cudaError_t cudaHostGetFlags(unsigned* flags, void* host) {
  if (flags == nullptr || !is_inside(host, 1, MemoryKind::pinned)) return result(cudaErrorInvalidValue);
  *flags = cudaHostAllocMapped;
  return result(cudaSuccess);
}
cudaError_t cudaHostRegister(void* pointer, std::size_t bytes, unsigned) {
  if (bytes == 0) return result(cudaErrorInvalidValue);
  return result(register_host(pointer, bytes));
}
cudaError_t cudaHostUnregister(void* pointer) { return result(register_host(pointer, 0)); }

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  if (attributes == nullptr || pointer == nullptr) return result(cudaErrorInvalidValue);
  const bool device = is_inside(pointer, 1, MemoryKind::device),
             host = is_inside(pointer, 1, MemoryKind::pinned);
  void* const here = const_cast<void*>(pointer);
  *attributes = {device && host ? cudaMemoryTypeManaged
                 : device       ? cudaMemoryTypeDevice
                 : host         ? cudaMemoryTypeHost
                                : cudaMemoryTypeUnregistered,
                 device || host ? 0 : cudaInvalidDeviceId, device || host ? here : nullptr,
                 device ? host ? here : nullptr : here};
  return result(cudaSuccess);
}

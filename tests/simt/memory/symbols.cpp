// Implements copies to and from variables of the device.
#include "checks/globals.h"
#include "runtime/runtime.h"
#include "simt/memory_api.h"

namespace simt {
namespace {

// The device's side of such a copy; the host's side is checked by the copy itself.
cudaError_t check_symbol(const void* symbol, std::size_t size, std::size_t bytes, std::size_t offset) {
  if (watched && device_variable_at(reinterpret_cast<std::uintptr_t>(symbol)) == nullptr)
    return cudaErrorInvalidSymbol;
  if (offset > size || bytes > size - offset) return cudaErrorInvalidValue;
  return cudaSuccess;
}

cudaError_t queue_copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                       cudaStream_t stream, bool waits) {
  const SymbolCall symbol;
  return waits ? cudaMemcpy(to, from, bytes, kind) : cudaMemcpyAsync(to, from, bytes, kind, stream);
}

}  // namespace

cudaError_t copy_to_symbol(const void* symbol, std::size_t size, const void* from, std::size_t bytes,
                           std::size_t offset, cudaMemcpyKind kind, cudaStream_t stream, bool waits) {
  if (kind != cudaMemcpyHostToDevice && kind != cudaMemcpyDeviceToDevice && kind != cudaMemcpyDefault)
    return result(cudaErrorInvalidMemcpyDirection);
  if (const cudaError_t error = check_symbol(symbol, size, bytes, offset); error != cudaSuccess)
    return result(error);
  return queue_copy(static_cast<char*>(const_cast<void*>(symbol)) + offset, from, bytes, kind, stream, waits);
}

cudaError_t copy_from_symbol(void* to, const void* symbol, std::size_t size, std::size_t bytes,
                             std::size_t offset, cudaMemcpyKind kind, cudaStream_t stream, bool waits) {
  if (kind != cudaMemcpyDeviceToHost && kind != cudaMemcpyDeviceToDevice && kind != cudaMemcpyDefault)
    return result(cudaErrorInvalidMemcpyDirection);
  if (const cudaError_t error = check_symbol(symbol, size, bytes, offset); error != cudaSuccess)
    return result(error);
  return queue_copy(to, static_cast<const char*>(symbol) + offset, bytes, kind, stream, waits);
}

cudaError_t symbol_address(void** pointer, const void* symbol) {
  if (pointer == nullptr) return result(cudaErrorInvalidValue);
  if (const cudaError_t error = check_symbol(symbol, 0, 0, 0); error != cudaSuccess) return result(error);
  expose_variable(symbol);
  *pointer = const_cast<void*>(symbol);
  return result(cudaSuccess);
}

cudaError_t symbol_size(std::size_t* bytes, const void* symbol, std::size_t size) {
  if (bytes == nullptr) return result(cudaErrorInvalidValue);
  if (const cudaError_t error = check_symbol(symbol, size, 0, 0); error != cudaSuccess) return result(error);
  *bytes = size;
  return result(cudaSuccess);
}

}  // namespace simt

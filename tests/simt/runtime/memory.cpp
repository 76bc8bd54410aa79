// Implements allocation, copies and fills.
#include <cstring>
#include <functional>
#include <vector>

#include "checks/shadow.h"
#include "memory/memory.h"
#include "report/profile.h"
#include "runtime/pinned.h"
#include "runtime/runtime.h"

namespace simt {

constinit thread_local const Record* copied = nullptr;

namespace {

std::uintptr_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

bool check_side(const void* pointer, std::size_t bytes, bool device) {
  return device ? is_inside(pointer, bytes, MemoryKind::device) : is_host(pointer, bytes);
}

}  // namespace

cudaError_t check_copy(const void* to, const void* from, std::size_t bytes, cudaMemcpyKind& kind) {
  if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault) return cudaErrorInvalidMemcpyDirection;
  if (kind == cudaMemcpyDefault) {
    const bool to_device = is_inside(to, 1, MemoryKind::device);
    const bool from_device = is_inside(from, 1, MemoryKind::device);
    kind = cudaMemcpyKind(2 * int(from_device) + int(to_device));
  }
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (!check_side(to, bytes, to_device) || !check_side(from, bytes, from_device))
    return cudaErrorInvalidValue;
  return cudaSuccess;
}

void copy(void* to, const void* from, std::size_t bytes, bool from_device, const Record* record) {
  profile_bytes(from, bytes);
  profile_bytes(to, bytes);
  require_ordered(from, bytes, "cudaMemcpy", false);
  require_ordered(to, bytes, "cudaMemcpy");
  if (from_device && arena_of(address(to)) == nullptr)
    require_defined(from, bytes, "cudaMemcpy", "the source", record);
  shadow_copy(to, from, bytes);
  shadow_read(from, bytes);
  std::memmove(to, from, bytes);
}

cudaError_t prepare_copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind& kind,
                         std::function<void()>& work, Piece& piece, Details& details) {
  if (const cudaError_t error = check_copy(to, from, bytes, kind); error != cudaSuccess) return error;
  static constexpr const char* names[] = {"HostToHost", "HostToDevice", "DeviceToHost", "DeviceToDevice"};
  piece = {.kind = Piece::Kind::copy, .name = names[kind], .bytes = double(bytes)};
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  work = [=, record = copied] {
    const OpenPinned open;
    copy(to, from, bytes, from_device, record);
  };
  details.pinned.clear();
  if (is_inside(to, bytes, MemoryKind::pinned)) details.pinned.push_back({to, bytes, true});
  if (is_inside(from, bytes, MemoryKind::pinned))
    details.pinned.push_back({const_cast<void*>(from), bytes, false});
  return cudaSuccess;
}

cudaError_t prepare_fill(void* to, int value, std::size_t bytes, std::function<void()>& work, Piece& piece) {
  if (!is_inside(to, bytes, MemoryKind::device)) return cudaErrorInvalidValue;
  piece = {.kind = Piece::Kind::fill, .name = "Memset", .bytes = double(bytes)};
  work = [=] {
    profile_bytes(to, bytes);
    require_ordered(to, bytes, "cudaMemset");
    shadow_define(to, bytes);
    std::memset(to, value, bytes);
  };
  return cudaSuccess;
}

namespace {

cudaError_t queue_copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind& kind,
                       cudaStream_t stream) {
  if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (bytes == 0) return cudaSuccess;
  std::function<void()> work;
  Piece piece;
  Details details;
  if (const auto error = refuse_queueing(stream); error != cudaSuccess) return error;
  if (const auto error = prepare_copy(to, from, bytes, kind, work, piece, details); error != cudaSuccess)
    return error;
  count_copy();
  const bool captured = stream_of(stream).capture != nullptr;
  const bool host_source = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyHostToHost;
  if (host_source && !captured && !is_inside(from, bytes, MemoryKind::pinned)) {
    const auto* data = static_cast<const char*>(from);
    work = [to, held = std::vector<char>(data, data + bytes)] {
      const OpenPinned open;
      copy(to, held.data(), held.size(), false);
    };
  }
  enqueue(stream, std::move(piece), std::move(work), details);
  const bool host_target = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyHostToHost;
  if (host_target && !captured && !is_inside(to, bytes, MemoryKind::pinned)) finish_stream(stream);
  return cudaSuccess;
}

cudaError_t queue_fill(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  if (!is_stream(stream)) return cudaErrorInvalidResourceHandle;
  if (bytes == 0) return cudaSuccess;
  std::function<void()> work;
  Piece piece;
  if (const auto error = refuse_queueing(stream); error != cudaSuccess) return error;
  if (const auto error = prepare_fill(to, value, bytes, work, piece); error != cudaSuccess) return error;
  count_copy();
  enqueue(stream, std::move(piece), std::move(work));
  return cudaSuccess;
}

}  // namespace

}  // namespace simt

using namespace simt;

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  return result(allocate(pointer, bytes, MemoryKind::device, __builtin_return_address(0)));
}
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
  return cudaMallocHost(pointer, bytes, cudaHostAllocDefault);
}
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes, unsigned flags) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  if (flags > 7) return result(cudaErrorInvalidValue);
  return result(allocate(pointer, bytes, MemoryKind::pinned, __builtin_return_address(0)));
}
cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned flags) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  if (flags > 7) return result(cudaErrorInvalidValue);
  return result(allocate(pointer, bytes, MemoryKind::pinned, __builtin_return_address(0)));
}
cudaError_t cudaFree(void* pointer) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  const auto error =
      free_now(pointer, {MemoryKind::device, MemoryKind::managed}, __builtin_return_address(0));
  return error == cudaSuccess ? result(error)
                              : refuse(error, "the pointer is " + describe_device_address(pointer));
}
cudaError_t cudaFreeHost(void* pointer) {
  if (const cudaError_t error = refuse_unsafe(); error != cudaSuccess) return result(error);
  const auto error = free_now(pointer, {MemoryKind::pinned}, __builtin_return_address(0));
  return error == cudaSuccess ? result(error)
                              : refuse(error, "the pointer is " + describe_device_address(pointer));
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  // A real graph would own the block; the project must not rely on that.
  if (stream_of(stream).capture != nullptr) return result(cudaErrorNotSupported);
  const cudaError_t error = allocate(pointer, bytes, MemoryKind::device, __builtin_return_address(0));
  if (error == cudaSuccess) mark_undefined(*pointer, bytes, stream);  // other streams have to wait for it
  return result(error);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  const void* const place = __builtin_return_address(0);
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (pointer == nullptr) return result(cudaSuccess);
  if (!is_allocation(pointer, {MemoryKind::device})) return result(cudaErrorInvalidValue);
  if (stream_of(stream).capture != nullptr) return result(cudaErrorNotSupported);
  enqueue(stream, {}, [pointer, place] { release_behind(pointer, place); });
  return result(cudaSuccess);
}

// Bytes from pageable memory are read during the call, or when the graph runs that records the copy; bytes to
// pageable memory have arrived when the call returns.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  return result(queue_copy(to, from, bytes, kind, stream));
}

// Waits for a copy from or to the host. One on the device only follows the legacy stream's work.
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const std::lock_guard lock(runtime_mutex());
  if (refuse_legacy() != cudaSuccess || refuse_unsafe() != cudaSuccess)
    return result(cudaErrorStreamCaptureImplicit);
  const cudaError_t error = queue_copy(to, from, bytes, kind, nullptr);
  if (error == cudaSuccess && kind != cudaMemcpyDeviceToDevice) finish_stream(nullptr);
  return result(error);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  return result(queue_fill(to, value, bytes, stream));
}
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  const std::lock_guard lock(runtime_mutex());
  if (refuse_legacy() != cudaSuccess || refuse_unsafe() != cudaSuccess)
    return result(cudaErrorStreamCaptureImplicit);
  return result(queue_fill(to, value, bytes, nullptr));
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  if (free == nullptr || total == nullptr) return result(cudaErrorInvalidValue);
  *total = device_capacity();
  *free = free_device_bytes();
  return result(cudaSuccess);
}

// Implements device memory and pinned host memory: exact sizes, poison, and a registry that checks pointers.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>

#include "checks/shadow.h"
#include "report/profile.h"
#include "runtime/pinned.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

struct Allocation {
  std::size_t bytes;
  MemoryKind kind;
};

struct Registry {
  std::map<std::uintptr_t, Allocation> blocks;  // by address
  std::size_t device_bytes = 0, capacity = most_device_capacity;
};

// Is never destroyed, because buffers with static storage may be freed last.
Registry& registry() {
  static Registry* const instance = new Registry;
  return *instance;
}

std::uintptr_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// Returns the allocation that holds the address (its first byte included), or null.
const std::pair<const std::uintptr_t, Allocation>* find(std::uintptr_t at) {
  auto& blocks = registry().blocks;
  auto next = blocks.upper_bound(at);
  if (next == blocks.begin()) return nullptr;
  --next;
  return at < next->first + next->second.bytes ? &*next : nullptr;
}

std::size_t free_device_bytes() {
  const std::lock_guard lock(runtime_mutex());
  return std::max(registry().capacity, registry().device_bytes) - registry().device_bytes;
}

// Allocates poisoned memory: a float or double that is read before it is written is a NaN.
cudaError_t allocate(void** pointer, std::size_t bytes, MemoryKind kind) {
  const std::lock_guard lock(runtime_mutex());
  if (pointer == nullptr) return cudaErrorInvalidValue;
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  const bool device = kind == MemoryKind::device;
  if (device && bytes > free_device_bytes()) return cudaErrorMemoryAllocation;
  void* const memory = device ? arena_allocate(bytes) : pinned_allocate(bytes);
  if (memory == nullptr) return cudaErrorMemoryAllocation;
  if (device)
    shadow_extent(memory, bytes, bytes, false);
  else
    std::memset(memory, 0xff, bytes);
  registry().blocks[address(memory)] = {bytes, kind};
  if (device) registry().device_bytes += bytes;
  *pointer = memory;
  return cudaSuccess;
}

bool is_allocation(const void* pointer, MemoryKind kind) {
  const auto found = registry().blocks.find(address(pointer));
  return found != registry().blocks.end() && found->second.kind == kind;
}

void release(void* pointer) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = registry().blocks.find(address(pointer));
  if (found == registry().blocks.end()) return;
  const Allocation block = found->second;
  registry().blocks.erase(found);
  if (block.kind == MemoryKind::pinned) return pinned_free(pointer, block.bytes);
  registry().device_bytes -= block.bytes;
  arena_free(pointer, block.bytes);
}

// Frees in the order of a stream. What uses the block on another stream has to be ordered before.
void release_behind(void* pointer) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = registry().blocks.find(address(pointer));
  if (found == registry().blocks.end()) return;
  require_ordered(pointer, found->second.bytes, "cudaFreeAsync");
  release(pointer);
}

// Frees after all queued work, as the blocking calls do.
cudaError_t free_now(void* pointer, MemoryKind kind) {
  if (pointer == nullptr) return cudaSuccess;
  const std::lock_guard lock(runtime_mutex());
  if (!is_allocation(pointer, kind)) return cudaErrorInvalidValue;
  finish_all();
  order::host_waited_for_all();
  release(pointer);
  return cudaSuccess;
}

bool check_side(const void* pointer, std::size_t bytes, bool device) {
  return device ? is_inside(pointer, bytes, MemoryKind::device) : is_host(pointer, bytes);
}

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

// Copies now.
void copy(void* to, const void* from, std::size_t bytes, bool from_device) {
  profile_bytes(from, bytes);
  profile_bytes(to, bytes);
  require_ordered(from, bytes, "cudaMemcpy", false);
  require_ordered(to, bytes, "cudaMemcpy");
  if (from_device && !arena().holds(address(to))) require_defined(from, bytes, "cudaMemcpy", "the source");
  shadow_copy(to, from, bytes);
  shadow_read(from, bytes);
  std::memmove(to, from, bytes);
}

}  // namespace

bool is_inside(const void* pointer, std::size_t bytes, MemoryKind kind) {
  const std::lock_guard lock(runtime_mutex());
  const auto* block = find(address(pointer));
  return block != nullptr && block->second.kind == kind &&
         bytes <= block->second.bytes - (address(pointer) - block->first);
}

bool is_host(const void* pointer, std::size_t bytes) {
  const std::lock_guard lock(runtime_mutex());
  if (pointer == nullptr) return false;
  for (const std::uintptr_t at : {address(pointer), address(pointer) + bytes - 1}) {
    const auto* block = find(at);
    if (block != nullptr && block->second.kind == MemoryKind::device) return false;
  }
  return true;
}

void require_device(const void* pointer, std::size_t bytes, const char* call, const char* argument) {
  if (bytes == 0 || is_inside(pointer, bytes, MemoryKind::device)) return;
  throw Violation({}, {}, {},
                  std::string(call) + ": " + argument + " needs " + std::to_string(bytes) +
                      " bytes of device memory, which the pointer does not have");
}

std::string describe_device_address(const void* pointer) {
  const std::lock_guard lock(runtime_mutex());
  auto& blocks = registry().blocks;
  const std::uintptr_t at = address(pointer);
  const auto next = blocks.upper_bound(at);
  const auto size = [](const auto& block) {
    return " an allocation of " + std::to_string(block->second.bytes) + " bytes";
  };
  if (next != blocks.begin()) {
    const auto before = std::prev(next);
    const std::size_t past = at - before->first;
    if (past < before->second.bytes) return "byte " + std::to_string(past) + " of" + size(before);
    if (past < before->second.bytes + 65536)
      return std::to_string(past - before->second.bytes) + " bytes behind the end of" + size(before);
  }
  if (next != blocks.end() && next->first - at < 65536)
    return std::to_string(next->first - at) + " bytes before" + size(next);
  return "in no live allocation";
}

void mark_undefined(void* pointer, std::size_t bytes, CUstream_st* stream) {
  if (!is_inside(pointer, bytes, MemoryKind::device)) return;
  enqueue(stream, {}, [pointer, bytes] {
    const std::lock_guard lock(runtime_mutex());
    const auto found = registry().blocks.find(address(pointer));
    if (found == registry().blocks.end()) return;
    if (bytes > 0) require_ordered(pointer, found->second.bytes, "a pool");
    shadow_extent(pointer, bytes, found->second.bytes, true);
  });
}

void set_checks(bool on) {
  const std::lock_guard lock(runtime_mutex());
  finish_all();
  if (on && !checking)
    for (const auto& [at, block] : registry().blocks)
      if (block.kind == MemoryKind::device) shadow_accept(reinterpret_cast<const void*>(at), block.bytes);
  checking = on;
}

std::size_t undefined_bytes(const void* pointer, std::size_t bytes) {
  const std::lock_guard lock(runtime_mutex());
  std::size_t count = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    count += shadow_first_undefined(static_cast<const char*>(pointer) + i, 1) == 0;
  return count;
}

void peek(void* to, const void* from, std::size_t bytes) {
  const OpenArena open;
  std::memcpy(to, from, bytes);
}

std::size_t device_capacity() {
  const std::lock_guard lock(runtime_mutex());
  return registry().capacity;
}

void set_device_capacity(std::size_t bytes) {
  const std::lock_guard lock(runtime_mutex());
  registry().capacity = std::min(bytes, most_device_capacity);
}

std::size_t device_bytes() {
  const std::lock_guard lock(runtime_mutex());
  return registry().device_bytes;
}

}  // namespace simt

using namespace simt;

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  if (const cudaError_t error = refuse_while_capturing(); error != cudaSuccess) return result(error);
  return result(allocate(pointer, bytes, MemoryKind::device));
}
cudaError_t cudaMallocHost(void** pointer, std::size_t bytes, unsigned flags) {
  return cudaHostAlloc(pointer, bytes, flags);
}
cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned flags) {
  if (const cudaError_t error = refuse_while_capturing(); error != cudaSuccess) return result(error);
  if (flags != cudaHostAllocDefault) return result(cudaErrorInvalidValue);
  return result(allocate(pointer, bytes, MemoryKind::pinned));
}
cudaError_t cudaFree(void* pointer) {
  if (const cudaError_t error = refuse_while_capturing(); error != cudaSuccess) return result(error);
  return result(free_now(pointer, MemoryKind::device));
}
cudaError_t cudaFreeHost(void* pointer) {
  if (const cudaError_t error = refuse_while_capturing(); error != cudaSuccess) return result(error);
  return result(free_now(pointer, MemoryKind::pinned));
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  // A real graph would own the block; the project must not rely on that.
  if (stream_of(stream).capture != nullptr) return result(cudaErrorNotSupported);
  const cudaError_t error = allocate(pointer, bytes, MemoryKind::device);
  if (error == cudaSuccess) mark_undefined(*pointer, bytes, stream);  // other streams have to wait for it
  return result(error);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (pointer == nullptr) return result(cudaSuccess);
  if (!is_allocation(pointer, MemoryKind::device)) return result(cudaErrorInvalidValue);
  if (stream_of(stream).capture != nullptr) return result(cudaErrorNotSupported);
  enqueue(stream, {}, [pointer] { release_behind(pointer); });
  return result(cudaSuccess);
}

// Bytes from pageable memory are read during the call; bytes to pageable memory have arrived when it returns.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return result(cudaSuccess);
  if (const cudaError_t error = check_copy(to, from, bytes, kind); error != cudaSuccess) return result(error);
  const void* const host_side = kind == cudaMemcpyDeviceToHost ? to : from;
  const bool pageable = kind != cudaMemcpyDeviceToDevice && !is_inside(host_side, bytes, MemoryKind::pinned);
  if (pageable)  // copies of pageable memory wait for the stream
    if (const cudaError_t error = refuse_where_captured(stream); error != cudaSuccess) return result(error);
  count_copy();
  static constexpr const char* names[] = {"HostToHost", "HostToDevice", "DeviceToHost", "DeviceToDevice"};
  const Piece piece{.kind = Piece::Kind::copy, .name = names[kind], .bytes = double(bytes)};
  const bool host_source = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyHostToHost;
  if (host_source && !is_inside(from, bytes, MemoryKind::pinned)) {
    const auto* data = static_cast<const char*>(from);
    enqueue(stream, piece, [to, held = std::vector<char>(data, data + bytes)] {
      copy(to, held.data(), held.size(), false);
    });
  } else {
    const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
    enqueue(stream, piece, [=] {
      const OpenPinned open;
      copy(to, from, bytes, from_device);
    });
    if (!pageable && kind != cudaMemcpyDeviceToDevice && stream_of(stream).capture == nullptr)
      pinned_in_use(const_cast<void*>(host_side), kind == cudaMemcpyDeviceToHost, stream_of(stream));
  }
  const bool host_target = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyHostToHost;
  if (host_target && !is_inside(to, bytes, MemoryKind::pinned)) finish_stream(stream);
  return result(cudaSuccess);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (refuse_while_capturing() != cudaSuccess) return result(cudaErrorStreamCaptureImplicit);
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  if (error == cudaSuccess) finish_stream(nullptr);
  return error;
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  const std::lock_guard lock(runtime_mutex());
  if (!is_stream(stream)) return result(cudaErrorInvalidResourceHandle);
  if (bytes == 0) return result(cudaSuccess);
  if (!is_inside(to, bytes, MemoryKind::device)) return result(cudaErrorInvalidValue);
  count_copy();
  enqueue(stream, {.kind = Piece::Kind::fill, .name = "Memset", .bytes = double(bytes)}, [=] {
    profile_bytes(to, bytes);
    require_ordered(to, bytes, "cudaMemset");
    shadow_define(to, bytes);
    std::memset(to, value, bytes);
  });
  return result(cudaSuccess);
}
cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  if (refuse_while_capturing() != cudaSuccess) return result(cudaErrorStreamCaptureImplicit);
  return cudaMemsetAsync(to, value, bytes, nullptr);
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  if (free == nullptr || total == nullptr) return result(cudaErrorInvalidValue);
  *total = device_capacity();
  *free = free_device_bytes();
  return result(cudaSuccess);
}

// Implements the registry of device memory and of host memory that the device reaches: exact sizes, poison,
// pointers.
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>

#include "checks/globals.h"
#include "checks/shadow.h"
#include "checks/watch.h"
#include "memory/memory.h"
#include "runtime/pinned.h"
#include "runtime/runtime.h"

namespace simt {
namespace {

struct Allocation {
  std::size_t bytes;
  MemoryKind kind;
  const void* place;  // of the call that made it
};
struct Freed {
  std::uintptr_t begin, end;
  const void *made, *freed;  // places
};

struct Registry {
  std::map<std::uintptr_t, Allocation> blocks;  // by address
  std::deque<Freed> freed;                      // the latest ones, newest first
  std::size_t device_bytes = 0, capacity = most_device_capacity;
};
constexpr std::size_t most_freed = 1024;

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

void release(void* pointer, const void* place) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = registry().blocks.find(address(pointer));
  if (found == registry().blocks.end()) return;
  const Allocation block = found->second;
  registry().blocks.erase(found);
  if (block.kind == MemoryKind::registered) return;
  registry().freed.push_front({address(pointer), address(pointer) + block.bytes, block.place, place});
  if (registry().freed.size() > most_freed) registry().freed.pop_back();
  if (block.kind != MemoryKind::device) return pinned_free(pointer, block.bytes);
  registry().device_bytes -= block.bytes;
  arena_free(pointer, block.bytes);
}

std::string made_at(const void* place) {
  return place == nullptr ? "" : " (made at " + describe_place(place) + ")";
}

// How far from an allocation an address may be to be explained by it: half a gap.
std::size_t reach(std::size_t bytes) { return std::max<std::size_t>(std::size_t(512) << 20, bytes); }

const char* name_of(MemoryKind kind) {
  constexpr const char* names[] = {" an allocation of ", " pinned memory of ", " managed memory of ",
                                   " registered memory of "};
  return names[int(kind)];
}

}  // namespace

std::size_t free_device_bytes() {
  const std::lock_guard lock(runtime_mutex());
  return std::max(registry().capacity, registry().device_bytes) - registry().device_bytes;
}

bool is_allocation(const void* pointer, std::initializer_list<MemoryKind> kinds) {
  const auto found = registry().blocks.find(address(pointer));
  return found != registry().blocks.end() &&
         std::find(kinds.begin(), kinds.end(), found->second.kind) != kinds.end();
}

void release_behind(void* pointer, const void* place) {
  const std::lock_guard lock(runtime_mutex());
  const auto found = registry().blocks.find(address(pointer));
  if (found == registry().blocks.end()) return;
  require_ordered(pointer, found->second.bytes, "cudaFreeAsync");
  release(pointer, place);
}

// Allocates poisoned memory: a float or double that is read before it is written is a NaN.
cudaError_t allocate(void** pointer, std::size_t bytes, MemoryKind kind, const void* place) {
  const std::lock_guard lock(runtime_mutex());
  if (pointer == nullptr) return cudaErrorInvalidValue;
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  watch_leaks();
  const bool device = kind == MemoryKind::device;
  if (device && bytes > free_device_bytes()) return cudaErrorMemoryAllocation;
  void* const memory = device ? arena_allocate(bytes) : pinned_allocate(bytes);
  if (memory == nullptr) return cudaErrorMemoryAllocation;
  if (device)
    shadow_extent(memory, bytes, bytes, false);
  else
    std::memset(memory, 0xff, bytes);
  registry().blocks[address(memory)] = {bytes, kind, place};
  if (device) registry().device_bytes += bytes;
  *pointer = memory;
  return cudaSuccess;
}

cudaError_t free_now(void* pointer, std::initializer_list<MemoryKind> kinds, const void* place) {
  if (pointer == nullptr) return cudaSuccess;
  const std::lock_guard lock(runtime_mutex());
  if (!is_allocation(pointer, kinds)) return cudaErrorInvalidValue;
  finish_all();
  order::host_waited_for_all();
  pinned_release();
  release(pointer, place);
  return cudaSuccess;
}

cudaError_t register_host(void* pointer, std::size_t bytes) {
  const std::lock_guard lock(runtime_mutex());
  if (pointer == nullptr) return cudaErrorInvalidValue;
  if (bytes > 0) {
    if (find(address(pointer)) != nullptr) return cudaErrorHostMemoryAlreadyRegistered;
    registry().blocks[address(pointer)] = {bytes, MemoryKind::registered, nullptr};
    return cudaSuccess;
  }
  if (!is_allocation(pointer, {MemoryKind::registered})) return cudaErrorHostMemoryNotRegistered;
  finish_all();
  registry().blocks.erase(address(pointer));
  return cudaSuccess;
}

bool is_registered(std::uintptr_t at) {
  const std::lock_guard lock(runtime_mutex());
  const auto* block = find(at);
  return block != nullptr && block->second.kind == MemoryKind::registered;
}

void each_allocation(MemoryKind kind, const std::function<void(const void*, std::size_t, const void*)>& f) {
  const std::lock_guard lock(runtime_mutex());
  for (const auto& [at, block] : registry().blocks)
    if (block.kind == kind) f(reinterpret_cast<const void*>(at), block.bytes, block.place);
}

bool is_inside(const void* pointer, std::size_t bytes, MemoryKind kind) {
  const std::lock_guard lock(runtime_mutex());
  const auto* block = find(address(pointer));
  if (block == nullptr) {
    if (!watched && SymbolCall::depth > 0) return kind == MemoryKind::device;
    const Global* const variable = device_variable_at(address(pointer));
    return variable != nullptr && is_exposed(*variable) && bytes <= variable->end - address(pointer) &&
           (kind == MemoryKind::device || variable->managed);
  }
  const MemoryKind found = block->second.kind;
  const bool fits = found == kind || found == MemoryKind::managed ||
                    (found == MemoryKind::registered && kind == MemoryKind::pinned);
  return fits && bytes <= block->second.bytes - (address(pointer) - block->first);
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
  throw Violation(Check::bounds, std::string(call) + ": " + argument + " needs " + std::to_string(bytes) +
                                     " bytes of device memory, which the pointer does not have");
}

std::string describe_device_address(const void* pointer) {
  const std::lock_guard lock(runtime_mutex());
  auto& blocks = registry().blocks;
  const std::uintptr_t at = address(pointer);
  const auto next = blocks.upper_bound(at);
  const auto size = [](const auto& block) {
    return name_of(block->second.kind) + std::to_string(block->second.bytes) + " bytes" +
           made_at(block->second.place);
  };
  if (next != blocks.begin() && at - std::prev(next)->first < std::prev(next)->second.bytes)
    return "byte " + std::to_string(at - std::prev(next)->first) + " of" + size(std::prev(next));
  for (const Freed& block : registry().freed)
    if (at >= block.begin && at < block.end)
      return "byte " + std::to_string(at - block.begin) + " of a freed allocation of " +
             std::to_string(block.end - block.begin) + " bytes" + made_at(block.made) +
             (block.freed == nullptr ? "" : ", freed at " + describe_place(block.freed));
  if (next != blocks.begin()) {
    const auto before = std::prev(next);
    const std::size_t past = at - before->first - before->second.bytes;
    if (past < reach(before->second.bytes))
      return std::to_string(past) + " bytes behind the end of" + size(before);
  }
  if (next != blocks.end() && next->first - at < reach(next->second.bytes))
    return std::to_string(next->first - at) + " bytes before" + size(next);
  return "in no live allocation";
}

Extent allocation_near(std::uintptr_t at) {
  const std::lock_guard lock(runtime_mutex());
  const auto& blocks = registry().blocks;
  const auto next = blocks.upper_bound(at);
  const auto extent = [](const auto& block) {
    return Extent{block.first, block.first + block.second.bytes, reach(0)};
  };
  const bool has_before = next != blocks.begin() && std::prev(next)->second.kind == MemoryKind::device;
  if (has_before && extent(*std::prev(next)).leads_to(at)) return extent(*std::prev(next));
  const bool has_next = next != blocks.end() && next->second.kind == MemoryKind::device;
  return has_next && extent(*next).leads_to(at) ? extent(*next) : Extent{};
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

void forget_memory() {
  while (!registry().blocks.empty())
    release(reinterpret_cast<void*>(registry().blocks.begin()->first), nullptr);
}

}  // namespace simt

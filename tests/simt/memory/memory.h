// What the parts of memory share: the registry of allocations, and copies.
#pragma once
#include <cstddef>
#include <functional>
#include <initializer_list>

#include "runtime/runtime.h"

namespace simt {

// Returns whether a call of these kinds returned the pointer, and it was not freed.
bool is_allocation(const void* pointer, std::initializer_list<MemoryKind> kinds);
// Frees in the order of a stream. What uses the block on another stream has to be ordered before.
void release_behind(void* pointer, const void* place);
std::size_t free_device_bytes();
// Returns the device allocation that holds the address or, if none does, the one that a pointer a little
// before it or behind it belongs to; an empty range if there is none.
struct Extent {
  std::uintptr_t begin = 0, end = 0, slack = 0;
  bool leads_to(std::uintptr_t at) const { return at - (begin - slack) < end - begin + 2 * slack; }
};
Extent allocation_near(std::uintptr_t at);
// Returns whether a texture object reads it.
bool has_texture(const Extent& block);
// Returns whether the host memory at the address was registered for the device.
bool is_registered(std::uintptr_t at);
// Allocates, and notes the place of the call.
cudaError_t allocate(void** pointer, std::size_t bytes, MemoryKind kind, const void* place);
// Frees after all queued work, as the blocking calls do.
cudaError_t free_now(void* pointer, std::initializer_list<MemoryKind> kinds, const void* place);
// Gives host memory to the device (bytes > 0) or takes it back. Returns an error if it has or has not got it.
cudaError_t register_host(void* pointer, std::size_t bytes);
// Checks a copy, and finds its kind if it is cudaMemcpyDefault.
cudaError_t check_copy(const void* to, const void* from, std::size_t bytes, cudaMemcpyKind& kind);
// Copies now, in the order of the work that runs.
// `record` describes what is copied, or is null.
void copy(void* to, const void* from, std::size_t bytes, bool from_device, const Record* record = nullptr);
// Calls a function for each live allocation of the kind: its start, its bytes, and the place that made it.
void each_allocation(MemoryKind kind, const std::function<void(const void*, std::size_t, const void*)>& f);
// Makes the end of the program report what was never freed: in programs of simt++, or if SIMT_CHECK lists
// `leak`.
void watch_leaks();

}  // namespace simt

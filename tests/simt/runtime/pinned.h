// Memory of the host that the device reaches: pinned and managed. The host may not read what queued work will
// write, nor write what queued work will read.
#pragma once
#include <cstddef>
#include <cstdint>

#include "runtime/runtime.h"
#include "simt/machine.h"

namespace simt {

// Returns whole pages; null if no memory is left.
void* pinned_allocate(std::size_t bytes);
void pinned_free(void* pointer, std::size_t bytes);

// Notes that the last copy queued on the stream uses these bytes. Until the host has waited for the copy, it
// cannot read its target or write its source.
void pinned_in_use(const PinnedUse& use, const CUstream_st& stream);
// Notes that the kernel that runs now reads or writes the allocation that holds the address.
void pinned_touched(std::uintptr_t at, bool writes);
// Protects what the kernel that has just run touched, until the host has waited for it.
void pinned_kernel_ran();
// Returns whether the range holds a pointer to such memory.
bool holds_pinned_pointer(const void* parameters, std::size_t bytes);
// Unprotects the pages whose copies the host has waited for.
void pinned_release();
// The message of a fault; null if the memory is not of this kind or nothing uses these bytes.
struct PinnedFault {
  const char* text = nullptr;
  Check check = Check::order;
};
PinnedFault pinned_fault(const void* at, bool writes);
// Pages are protected as a whole: opens those of the address for one instruction, which touches other bytes
// of them than queued work does. Returns false if none are protected.
bool pinned_open_once(const void* at);
// Protects them again behind the instruction; returns false if none were open.
bool pinned_close_again();

// Lets the queued work touch all such memory for as long as the object lives.
class OpenPinned {
 public:
  OpenPinned();
  ~OpenPinned();
  OpenPinned(const OpenPinned&) = delete;
  OpenPinned& operator=(const OpenPinned&) = delete;
};

}  // namespace simt

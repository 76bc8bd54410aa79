// Pinned memory: the host may not read what a queued copy will write, nor write what one will read.
#pragma once
#include <cstddef>

#include "runtime/runtime.h"

namespace simt {

// Returns whole pages; null if no memory is left.
void* pinned_allocate(std::size_t bytes);
void pinned_free(void* pointer, std::size_t bytes);

// Notes that the last copy queued on the stream uses the allocation that holds the pointer. Until the host
// has waited for the copy, it cannot read its target's pages or write its source's pages.
void pinned_in_use(void* pointer, bool target, const CUstream_st& stream);
// Unprotects the pages whose copies the host has waited for.
void pinned_release();
// Returns the message of a fault at the address, or null if no queued copy uses its page.
const char* pinned_fault(const void* at);

// Lets the copies themselves touch all pinned memory for as long as the object lives.
class OpenPinned {
 public:
  OpenPinned();
  ~OpenPinned();
  OpenPinned(const OpenPinned&) = delete;
  OpenPinned& operator=(const OpenPinned&) = delete;
};

}  // namespace simt

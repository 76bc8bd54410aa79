// Pinned memory: the host may not read what a queued copy still writes, nor write what one still reads.
#pragma once
#include <cstddef>

#include "tests/simt/runtime.h"

namespace simt {

// Whole pages of their own; null where nothing is left.
void* pinned_allocate(std::size_t bytes);
void pinned_free(void* pointer, std::size_t bytes);

// The copy last queued on the stream uses the allocation that holds the pointer: until the host has waited
// for it, the host can not read (a target) or not write (a source) its pages.
void pinned_in_use(void* pointer, bool target, const CUstream_st& stream);
// Gives back what the host has waited for.
void pinned_release();
// `in use until the copy is waited for`; null where the address is in no such page.
const char* pinned_fault(const void* at);

// The copies themselves may touch all of it while one of these lives.
class OpenPinned {
 public:
  OpenPinned();
  ~OpenPinned();
  OpenPinned(const OpenPinned&) = delete;
  OpenPinned& operator=(const OpenPinned&) = delete;
};

}  // namespace simt

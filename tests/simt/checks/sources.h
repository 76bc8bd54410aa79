// Knows which calls led to a wait, and what the source of a kernel says.
#pragma once
#include <cstdint>
#include <string>

#include "simt/machine.h"

namespace simt {

// Returns a number for the chain of calls that ends in `frame`, up to the stack address `end`; 0 if frames
// cannot be followed, as without the access checks.
std::uint64_t calls_from(const void* frame, const void* end);
// Returns whether both chains are the same by the source: the compiler may have copied a call.
bool is_same_call(std::uint64_t a, std::uint64_t b);
// Returns `k.cu:5, called at k.cu:12`.
std::string describe_calls(std::uint64_t calls);
// Returns whether threads that have returned need not come to the wait. The hardware says so. The programming
// guide does not, but many programs return early, and so this is true if the kernel has a return statement
// before the wait, or if its source cannot be read. SIMT_EXITED=arrive makes it true always, refuse never.
bool may_return_before(const void* kernel, Where where, std::uint64_t calls);

}  // namespace simt

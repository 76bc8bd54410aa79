// Subnormal floats, which some processors compute with a hundred times more slowly than with others.
#pragma once
#include <cstdint>

namespace stillpoint::kernels {

// From now on this thread, the threads that it starts later and those that help with its loops take subnormal
// operands for zero and round subnormal results to zero (x86: FTZ and DAZ of MXCSR; ARM: FZ of FPCR;
// elsewhere nothing changes). Programs call it; the library does not change its callers' mode. float32 loses
// what is below 1.2e-38, float64 what is below 2.2e-308.
void flush_subnormals();

// Return and set the mode of a floating-point unit, so that a thread can work in the mode of another.
std::uint64_t floating_mode();
void set_floating_mode(std::uint64_t mode);

// Returns whether this thread flushes subnormals, by adding two of them.
bool flushes_subnormals();

}  // namespace stillpoint::kernels

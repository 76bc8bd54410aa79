// Subnormal floats, which some processors compute with a hundred times slower than with others.
#pragma once
#include <cstdint>

namespace stillpoint::kernels {

// From now on this thread, the threads that it starts later and those that help with its loops take subnormal
// operands for zero and round subnormal results to zero (x86: FTZ and DAZ of MXCSR; ARM: FZ of FPCR;
// elsewhere nothing changes). It is for programs to call; the library leaves its callers' mode alone. float32
// loses what is below 1.2e-38, float64 what is below 2.2e-308.
void flush_subnormals();

// The mode of this thread's floating-point unit, and the same for a thread that works for it.
std::uint64_t floating_mode();
void set_floating_mode(std::uint64_t mode);

// Whether this thread does so, by an addition of such numbers.
bool flushes_subnormals();

}  // namespace stillpoint::kernels

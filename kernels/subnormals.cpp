// The mode of the floating-point unit.
#include "kernels/subnormals.h"

#include <cstdint>
#include <limits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace stillpoint::kernels {

void flush_subnormals() {
#if defined(__SSE2__)
  constexpr unsigned flush_to_zero = 1u << 15, denormals_are_zero = 1u << 6;
  _mm_setcsr(_mm_getcsr() | flush_to_zero | denormals_are_zero);
#elif defined(__aarch64__)
  std::uint64_t mode = 0;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  asm volatile("msr fpcr, %0" : : "r"(mode | std::uint64_t(1) << 24));
#endif
}

bool flushes_subnormals() {
  volatile float smallest = std::numeric_limits<float>::denorm_min();
  return smallest + smallest == 0;
}

}  // namespace stillpoint::kernels

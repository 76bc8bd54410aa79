// Sets and reads the mode of the floating-point unit.
#include "kernels/launch/subnormals.h"

#include <limits>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace stillpoint::kernels {

std::uint64_t floating_mode() {
#if defined(__SSE2__)
  return _mm_getcsr();
#elif defined(__aarch64__)
  std::uint64_t mode = 0;
  asm volatile("mrs %0, fpcr" : "=r"(mode));
  return mode;
#else
  return 0;
#endif
}

void set_floating_mode([[maybe_unused]] std::uint64_t mode) {
#if defined(__SSE2__)
  _mm_setcsr(unsigned(mode));
#elif defined(__aarch64__)
  asm volatile("msr fpcr, %0" : : "r"(mode));
#endif
}

void flush_subnormals() {
#if defined(__SSE2__)
  constexpr std::uint64_t bits = 1u << 15 | 1u << 6;  // flush to zero, denormals are zero
#else
  constexpr std::uint64_t bits = 1u << 24;
#endif
  set_floating_mode(floating_mode() | bits);
}

bool flushes_subnormals() {
  volatile float smallest = std::numeric_limits<float>::denorm_min();
  return smallest + smallest == 0;
}

}  // namespace stillpoint::kernels

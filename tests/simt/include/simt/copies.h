// Lets the emulator see what kernels do by memcpy, memmove and memset, also those that the compiler makes of
// assignments.
#pragma once
#include <cstring>

#if SIMT_WATCHED
extern "C" {
void* memcpy(void*, const void*, std::size_t) noexcept __asm__("simt_memcpy");
void* memmove(void*, const void*, std::size_t) noexcept __asm__("simt_memmove");
void* memset(void*, int, std::size_t) noexcept __asm__("simt_memset");

// The compiler makes loads and stores of a call with a small constant size, and the emulator sees those of 1,
// 2, 4, 8 or 16 bytes only. With _FORTIFY_SOURCE the C library has inline functions of its own.
#if !defined(__USE_FORTIFY_LEVEL) || __USE_FORTIFY_LEVEL == 0
void simt_note_copy(const void* to, const void* from, std::size_t bytes);
#define SIMT_COPY(name)                                                                                  \
  inline __attribute__((gnu_inline, always_inline, artificial)) void* name(void* to, const void* from,   \
                                                                           std::size_t bytes) noexcept { \
    if (__builtin_constant_p(bytes) && (bytes > 16 || (bytes & (bytes - 1)) != 0))                       \
      simt_note_copy(to, from, bytes);                                                                   \
    return __builtin_##name(to, from, bytes);                                                            \
  }
SIMT_COPY(memcpy)
SIMT_COPY(memmove)
#undef SIMT_COPY
inline __attribute__((gnu_inline, always_inline, artificial)) void* memset(void* to, int value,
                                                                           std::size_t bytes) noexcept {
  if (__builtin_constant_p(bytes) && (bytes > 16 || (bytes & (bytes - 1)) != 0))
    simt_note_copy(to, nullptr, bytes);
  return __builtin_memset(to, value, bytes);
}
#endif
}
#endif

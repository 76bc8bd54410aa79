// Implements what -fsanitize=thread calls before loads and stores of device code; host code returns after the
// first test.
#include <cstddef>
#include <cstdint>

#include "checks/watch.h"

using simt::AccessKind;

namespace {

inline void note(const void* p, std::size_t bytes, AccessKind kind, const void* place) {
  simt::Watch* const watch = simt::watching;
  if (watch == nullptr) return;
  const simt::Unwatched emulator;
  watch->access(reinterpret_cast<std::uintptr_t>(p), bytes, kind, place);
}

}  // namespace

#define SIMT_HOOK(name, bytes, kind) \
  extern "C" void name(const void* p) { note(p, bytes, AccessKind::kind, __builtin_return_address(0)); }
#define SIMT_HOOKS(bytes)                                                \
  SIMT_HOOK(__tsan_read##bytes, bytes, read)                             \
  SIMT_HOOK(__tsan_write##bytes, bytes, write)                           \
  SIMT_HOOK(__tsan_unaligned_read##bytes, bytes, read)                   \
  SIMT_HOOK(__tsan_unaligned_write##bytes, bytes, write)                 \
  SIMT_HOOK(__tsan_volatile_read##bytes, bytes, volatile_read)           \
  SIMT_HOOK(__tsan_volatile_write##bytes, bytes, volatile_write)         \
  SIMT_HOOK(__tsan_unaligned_volatile_read##bytes, bytes, volatile_read) \
  SIMT_HOOK(__tsan_unaligned_volatile_write##bytes, bytes, volatile_write)
SIMT_HOOKS(1)
SIMT_HOOKS(2)
SIMT_HOOKS(4)
SIMT_HOOKS(8)
SIMT_HOOKS(16)
SIMT_HOOK(__tsan_vptr_read, 8, read)

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(const void*) {}
void __tsan_func_exit() {}
void __tsan_ignore_thread_begin() {}
void __tsan_ignore_thread_end() {}
void __tsan_vptr_update(const void* p, const void*) {
  note(p, sizeof(void*), AccessKind::write, __builtin_return_address(0));
}
void __tsan_read_range(const void* p, std::size_t bytes) {
  note(p, bytes, AccessKind::read, __builtin_return_address(0));
}
void __tsan_write_range(const void* p, std::size_t bytes) {
  note(p, bytes, AccessKind::write, __builtin_return_address(0));
}

}  // extern "C"

// Implements std::atomic and similar code in host code of the same files. In device code, updates are atomic
// accesses; loads and stores are plain ones.
namespace {

template <class T>
T* noted(volatile T* p, const void* place) {
  note(const_cast<const T*>(p), sizeof(T), AccessKind::atomic, place);
  return const_cast<T*>(p);
}

}  // namespace

#define SIMT_PLACE __builtin_return_address(0)
#define SIMT_UPDATE(bits, T, name, builtin)                                \
  extern "C" T __tsan_atomic##bits##_##name(volatile T* p, T value, int) { \
    return builtin(noted(p, SIMT_PLACE), value, __ATOMIC_SEQ_CST);         \
  }
#define SIMT_CAS(bits, T, name, weak)                                                                     \
  extern "C" bool __tsan_atomic##bits##_compare_exchange_##name(volatile T* p, T* expected, T value, int, \
                                                                int) {                                    \
    return __atomic_compare_exchange_n(noted(p, SIMT_PLACE), expected, value, weak, __ATOMIC_SEQ_CST,     \
                                       __ATOMIC_SEQ_CST);                                                 \
  }
#define SIMT_ATOMICS(bits, T)                                                \
  extern "C" T __tsan_atomic##bits##_load(const volatile T* p, int) {        \
    note(const_cast<const T*>(p), sizeof(T), AccessKind::read, SIMT_PLACE);  \
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);                             \
  }                                                                          \
  extern "C" void __tsan_atomic##bits##_store(volatile T* p, T value, int) { \
    note(const_cast<const T*>(p), sizeof(T), AccessKind::write, SIMT_PLACE); \
    __atomic_store_n(p, value, __ATOMIC_SEQ_CST);                            \
  }                                                                          \
  SIMT_UPDATE(bits, T, exchange, __atomic_exchange_n)                        \
  SIMT_UPDATE(bits, T, fetch_add, __atomic_fetch_add)                        \
  SIMT_UPDATE(bits, T, fetch_sub, __atomic_fetch_sub)                        \
  SIMT_UPDATE(bits, T, fetch_and, __atomic_fetch_and)                        \
  SIMT_UPDATE(bits, T, fetch_or, __atomic_fetch_or)                          \
  SIMT_UPDATE(bits, T, fetch_xor, __atomic_fetch_xor)                        \
  SIMT_CAS(bits, T, strong, false)                                           \
  SIMT_CAS(bits, T, weak, true)
SIMT_ATOMICS(8, std::uint8_t)
SIMT_ATOMICS(16, std::uint16_t)
SIMT_ATOMICS(32, std::uint32_t)
SIMT_ATOMICS(64, std::uint64_t)

extern "C" void __tsan_atomic_thread_fence(int) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
extern "C" void __tsan_atomic_signal_fence(int) {}

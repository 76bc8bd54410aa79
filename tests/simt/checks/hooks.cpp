// Implements what -fsanitize=thread calls before loads and stores of device code; host code returns after the
// first test.
#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "checks/quick.h"

using simt::AccessKind;

namespace {

__attribute__((noinline)) void note(const void* p, std::size_t bytes, AccessKind kind, const void* place) {
  simt::Watch* const watch = simt::watching;
  if (watch == nullptr) return;
  const simt::Unwatched emulator;
  watch->access(reinterpret_cast<std::uintptr_t>(p), bytes, kind, place);
  if (simt::is_volatile(kind))
    watch->synchronise(reinterpret_cast<std::uintptr_t>(p), kind, simt::Scope::device,
                       simt::MemoryOrder::unspecified);
}

template <std::size_t bytes, AccessKind kind>
inline void note(const void* p, const void* place) {
  simt::Watch* const watch = simt::watching;
  if (watch == nullptr) return;
  if constexpr (!simt::is_atomic(kind))
    if (watch->quick_access<bytes, !simt::is_read(kind)>(reinterpret_cast<std::uintptr_t>(p), place)) return;
  note(p, bytes, kind, place);
}

// Notes a range in pieces of at most 16 bytes, which is what a device copies at once.
void note_range(const void* p, std::size_t bytes, AccessKind kind, const void* place) {
  if (simt::watching == nullptr || bytes == 0) return;
  const auto at = reinterpret_cast<std::uintptr_t>(p);
  simt::watching->start_object(at);
  for (std::size_t done = 0; done < bytes;) {
    const std::size_t aligned = std::size_t(1) << std::min(std::countr_zero(at + done), 4);
    const std::size_t piece = std::min(std::bit_floor(bytes - done), aligned);
    note(reinterpret_cast<const void*>(at + done), piece, kind, place);
    done += piece;
  }
  simt::watching->end_object();
}

}  // namespace

#define SIMT_HOOK(name, bytes, kind) \
  extern "C" void name(const void* p) { note<bytes, AccessKind::kind>(p, __builtin_return_address(0)); }
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
  note_range(p, bytes, AccessKind::read, __builtin_return_address(0));
}
void __tsan_write_range(const void* p, std::size_t bytes) {
  note_range(p, bytes, AccessKind::write, __builtin_return_address(0));
}

}  // extern "C"

// What include/simt/copies.h puts in the place of the library's functions in files with kernels.
extern "C" {

void simt_note_copy(const void* to, const void* from, std::size_t bytes) {
  if (from != nullptr) note_range(from, bytes, AccessKind::read, __builtin_return_address(0));
  note_range(to, bytes, AccessKind::write, __builtin_return_address(0));
}
void* simt_memcpy(void* to, const void* from, std::size_t bytes) {
  note_range(from, bytes, AccessKind::read, __builtin_return_address(0));
  note_range(to, bytes, AccessKind::write, __builtin_return_address(0));
  return std::memcpy(to, from, bytes);
}
void* simt_memmove(void* to, const void* from, std::size_t bytes) {
  note_range(from, bytes, AccessKind::read, __builtin_return_address(0));
  note_range(to, bytes, AccessKind::write, __builtin_return_address(0));
  return std::memmove(to, from, bytes);
}
void* simt_memset(void* to, int value, std::size_t bytes) {
  note_range(to, bytes, AccessKind::write, __builtin_return_address(0));
  return std::memset(to, value, bytes);
}

}  // extern "C"

// Implements std::atomic and similar code in host code of the same files, and libcu++'s atomics in device
// code.
namespace {

simt::MemoryOrder order_of(int order) {
  switch (order) {
    case __ATOMIC_RELAXED:
      return simt::MemoryOrder::relaxed;
    case __ATOMIC_CONSUME:
    case __ATOMIC_ACQUIRE:
      return simt::MemoryOrder::acquire;
    case __ATOMIC_RELEASE:
      return simt::MemoryOrder::release;
    default:
      return simt::MemoryOrder::acquire_release;
  }
}

// Does an atomic operation on *p between its two notes.
template <class T, class F>
auto noted(const volatile T* p, AccessKind kind, int order, const void* place, F f) {
  simt::Watch* const watch = simt::watching;
  if (watch == nullptr) return f();
  simt::preemption_point();
  note(const_cast<const T*>(p), sizeof(T), kind, place);
  const auto result = f();
  const simt::Unwatched emulator;
  watch->synchronise(reinterpret_cast<std::uintptr_t>(p), kind, simt::Scope::device, order_of(order));
  return result;
}

}  // namespace

#define SIMT_PLACE __builtin_return_address(0)
#define SIMT_UPDATE(bits, T, name, builtin)                                                   \
  extern "C" T __tsan_atomic##bits##_##name(volatile T* p, T value, int order) {              \
    return noted(p, AccessKind::update, order, SIMT_PLACE,                                    \
                 [&]() -> T { return builtin(const_cast<T*>(p), value, __ATOMIC_SEQ_CST); }); \
  }
#define SIMT_CAS(bits, T, name, weak)                                                                \
  extern "C" bool __tsan_atomic##bits##_compare_exchange_##name(volatile T* p, T* expected, T value, \
                                                                int order, int) {                    \
    return noted(p, AccessKind::update, order, SIMT_PLACE, [&]() -> bool {                           \
      return __atomic_compare_exchange_n(const_cast<T*>(p), expected, value, weak, __ATOMIC_SEQ_CST, \
                                         __ATOMIC_SEQ_CST);                                          \
    });                                                                                              \
  }
#define SIMT_ATOMICS(bits, T)                                                          \
  extern "C" T __tsan_atomic##bits##_load(const volatile T* p, int order) {            \
    return noted(p, AccessKind::atomic_read, order, SIMT_PLACE,                        \
                 [&]() -> T { return __atomic_load_n(p, __ATOMIC_SEQ_CST); });         \
  }                                                                                    \
  extern "C" void __tsan_atomic##bits##_store(volatile T* p, T value, int order) {     \
    noted(p, AccessKind::atomic_write, order, SIMT_PLACE,                              \
          [&]() -> T { return __atomic_store_n(p, value, __ATOMIC_SEQ_CST), value; }); \
  }                                                                                    \
  SIMT_UPDATE(bits, T, exchange, __atomic_exchange_n)                                  \
  SIMT_UPDATE(bits, T, fetch_add, __atomic_fetch_add)                                  \
  SIMT_UPDATE(bits, T, fetch_sub, __atomic_fetch_sub)                                  \
  SIMT_UPDATE(bits, T, fetch_and, __atomic_fetch_and)                                  \
  SIMT_UPDATE(bits, T, fetch_or, __atomic_fetch_or)                                    \
  SIMT_UPDATE(bits, T, fetch_xor, __atomic_fetch_xor)                                  \
  SIMT_CAS(bits, T, strong, false)                                                     \
  SIMT_CAS(bits, T, weak, true)
SIMT_ATOMICS(8, std::uint8_t)
SIMT_ATOMICS(16, std::uint16_t)
SIMT_ATOMICS(32, std::uint32_t)
SIMT_ATOMICS(64, std::uint64_t)

extern "C" void __tsan_atomic_thread_fence(int) {
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (simt::watching != nullptr) simt::memory_fence(simt::Scope::device);
}
extern "C" void __tsan_atomic_signal_fence(int) {}

// Atomic operations. The emulator never switches threads inside one, so plain updates are atomic.
#pragma once
#include <type_traits>

#include "simt/machine.h"

namespace simt {

// old = *address, *address = f(old). Another thread may go first, so that orders of arrival vary.
template <class T, class F>
__attribute__((noinline, no_sanitize("thread"))) T atomic_update(T* address, F f, bool adds_floats = false) {
  preemption_point();
  atomic_access(address, sizeof(T), adds_floats, __builtin_return_address(0));
  const T old = *address;
  *address = f(old);
  return old;
}

}  // namespace simt

#define SIMT_ATOMIC(name, T, expression)                                                              \
  inline T name(T* address, T value) {                                                                \
    return simt::atomic_update(                                                                       \
        address, [value](T old) { return static_cast<T>(expression); }, std::is_floating_point_v<T>); \
  }
SIMT_ATOMIC(atomicAdd, int, unsigned(old) + unsigned(value))
SIMT_ATOMIC(atomicAdd, unsigned, old + value)
SIMT_ATOMIC(atomicAdd, unsigned long long, old + value)
SIMT_ATOMIC(atomicAdd, float, old + value)
SIMT_ATOMIC(atomicAdd, double, old + value)
SIMT_ATOMIC(atomicMax, int, old < value ? value : old)
SIMT_ATOMIC(atomicMax, unsigned, old < value ? value : old)
SIMT_ATOMIC(atomicMax, long long, old < value ? value : old)
SIMT_ATOMIC(atomicMax, unsigned long long, old < value ? value : old)
SIMT_ATOMIC(atomicMin, int, value < old ? value : old)
SIMT_ATOMIC(atomicMin, unsigned, value < old ? value : old)
SIMT_ATOMIC(atomicMin, long long, value < old ? value : old)
SIMT_ATOMIC(atomicMin, unsigned long long, value < old ? value : old)
SIMT_ATOMIC(atomicOr, unsigned, old | value)
SIMT_ATOMIC(atomicAnd, unsigned, old& value)
#undef SIMT_ATOMIC

#define SIMT_EXCHANGE(T)                                               \
  inline T atomicExch(T* address, T value) {                           \
    return simt::atomic_update(address, [value](T) { return value; }); \
  }
SIMT_EXCHANGE(int)
SIMT_EXCHANGE(unsigned)
SIMT_EXCHANGE(unsigned long long)
SIMT_EXCHANGE(float)
#undef SIMT_EXCHANGE

#define SIMT_CAS(T)                                                                                        \
  inline T atomicCAS(T* address, T compare, T value) {                                                     \
    return simt::atomic_update(address, [compare, value](T old) { return old == compare ? value : old; }); \
  }
SIMT_CAS(int)
SIMT_CAS(unsigned)
SIMT_CAS(unsigned long long)
#undef SIMT_CAS

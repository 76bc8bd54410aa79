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

#define STILLPOINT_SIMT_ATOMIC(name, T, expression)                                                   \
  inline T name(T* address, T value) {                                                                \
    return simt::atomic_update(                                                                       \
        address, [value](T old) { return static_cast<T>(expression); }, std::is_floating_point_v<T>); \
  }
STILLPOINT_SIMT_ATOMIC(atomicAdd, int, unsigned(old) + unsigned(value))
STILLPOINT_SIMT_ATOMIC(atomicAdd, unsigned, old + value)
STILLPOINT_SIMT_ATOMIC(atomicAdd, unsigned long long, old + value)
STILLPOINT_SIMT_ATOMIC(atomicAdd, float, old + value)
STILLPOINT_SIMT_ATOMIC(atomicAdd, double, old + value)
STILLPOINT_SIMT_ATOMIC(atomicMax, int, old < value ? value : old)
STILLPOINT_SIMT_ATOMIC(atomicMax, unsigned, old < value ? value : old)
STILLPOINT_SIMT_ATOMIC(atomicMax, long long, old < value ? value : old)
STILLPOINT_SIMT_ATOMIC(atomicMax, unsigned long long, old < value ? value : old)
STILLPOINT_SIMT_ATOMIC(atomicMin, int, value < old ? value : old)
STILLPOINT_SIMT_ATOMIC(atomicMin, unsigned, value < old ? value : old)
STILLPOINT_SIMT_ATOMIC(atomicMin, long long, value < old ? value : old)
STILLPOINT_SIMT_ATOMIC(atomicMin, unsigned long long, value < old ? value : old)
STILLPOINT_SIMT_ATOMIC(atomicOr, unsigned, old | value)
STILLPOINT_SIMT_ATOMIC(atomicAnd, unsigned, old& value)
#undef STILLPOINT_SIMT_ATOMIC

#define STILLPOINT_SIMT_EXCHANGE(T)                                    \
  inline T atomicExch(T* address, T value) {                           \
    return simt::atomic_update(address, [value](T) { return value; }); \
  }
STILLPOINT_SIMT_EXCHANGE(int)
STILLPOINT_SIMT_EXCHANGE(unsigned)
STILLPOINT_SIMT_EXCHANGE(unsigned long long)
STILLPOINT_SIMT_EXCHANGE(float)
#undef STILLPOINT_SIMT_EXCHANGE

#define STILLPOINT_SIMT_CAS(T)                                                                             \
  inline T atomicCAS(T* address, T compare, T value) {                                                     \
    return simt::atomic_update(address, [compare, value](T old) { return old == compare ? value : old; }); \
  }
STILLPOINT_SIMT_CAS(int)
STILLPOINT_SIMT_CAS(unsigned)
STILLPOINT_SIMT_CAS(unsigned long long)
#undef STILLPOINT_SIMT_CAS

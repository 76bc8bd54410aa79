// Atomic operations. The emulator never switches threads inside one, so plain updates are atomic.
#pragma once
#include <type_traits>

#include "simt/machine.h"

namespace simt {

// old = *address, *address = f(old). Another thread may go first, so that orders of arrival vary.
template <class T, class F>
__attribute__((noinline, no_sanitize("thread"))) T atomic_update(T* address, F f,
                                                                 Scope scope = Scope::device) {
  constexpr AtomicKind kind = std::is_floating_point_v<T> ? AtomicKind::float_update : AtomicKind::update;
  preemption_point();
  atomic_access(address, sizeof(T), kind, scope, __builtin_return_address(0));
  const T old = *address;
  *address = f(old);
  atomic_done(address, kind, scope, MemoryOrder::unspecified);
  return old;
}

// Stores `value` if *address is `compare`. Returns what *address was.
template <class T>
__attribute__((noinline, no_sanitize("thread"))) T atomic_exchange_if(T* address, T compare, T value,
                                                                      Scope scope) {
  preemption_point();
  atomic_access(address, sizeof(T), AtomicKind::update, scope, __builtin_return_address(0));
  const T old = *address;
  if (old == compare) *address = value;
  atomic_done(address, old == compare ? AtomicKind::update : AtomicKind::read, scope,
              MemoryOrder::unspecified);
  return old;
}

// Does f(*address), which returns whether it stored anything, as one atomic operation.
template <class T, class F>
__attribute__((noinline, no_sanitize("thread"))) void ordered_access(T* address, AtomicKind kind, Scope scope,
                                                                     MemoryOrder order, F f) {
  preemption_point();
  atomic_access(address, sizeof(T), kind, scope, __builtin_return_address(0));
  const bool stored = f(*address);
  atomic_done(address, kind == AtomicKind::update && !stored ? AtomicKind::read : kind, scope, order);
}

}  // namespace simt

// Each function exists for the device, the block and the system.
#define SIMT_ATOMIC_IN(name, T, expression, scope)                                       \
  inline T name(T* address, T value) {                                                   \
    return simt::atomic_update(                                                          \
        address, [value]([[maybe_unused]] T old) { return static_cast<T>(expression); }, \
        simt::Scope::scope);                                                             \
  }
#define SIMT_ATOMIC(name, T, expression)             \
  SIMT_ATOMIC_IN(name, T, expression, device)        \
  SIMT_ATOMIC_IN(name##_block, T, expression, block) \
  SIMT_ATOMIC_IN(name##_system, T, expression, device)
#define SIMT_ATOMIC_3(name, expression)   \
  SIMT_ATOMIC(name, int, expression)      \
  SIMT_ATOMIC(name, unsigned, expression) \
  SIMT_ATOMIC(name, unsigned long long, expression)

SIMT_ATOMIC(atomicAdd, int, unsigned(old) + unsigned(value))
SIMT_ATOMIC(atomicAdd, unsigned, old + value)
SIMT_ATOMIC(atomicAdd, unsigned long long, old + value)
SIMT_ATOMIC(atomicAdd, float, old + value)
SIMT_ATOMIC(atomicAdd, double, old + value)
SIMT_ATOMIC(atomicSub, int, unsigned(old) - unsigned(value))
SIMT_ATOMIC(atomicSub, unsigned, old - value)
SIMT_ATOMIC(atomicInc, unsigned, old >= value ? 0 : old + 1)
SIMT_ATOMIC(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)
SIMT_ATOMIC_3(atomicMax, old < value ? value : old)
SIMT_ATOMIC(atomicMax, long long, old < value ? value : old)
SIMT_ATOMIC_3(atomicMin, value < old ? value : old)
SIMT_ATOMIC(atomicMin, long long, value < old ? value : old)
SIMT_ATOMIC_3(atomicAnd, old& value)
SIMT_ATOMIC_3(atomicOr, old | value)
SIMT_ATOMIC_3(atomicXor, old ^ value)
SIMT_ATOMIC_3(atomicExch, value)

#define SIMT_EXCHANGE_FLOAT(name, scope)                                                        \
  inline float name(float* address, float value) {                                              \
    const unsigned old = simt::atomic_update(                                                   \
        reinterpret_cast<unsigned*>(address),                                                   \
        [value](unsigned) { return __builtin_bit_cast(unsigned, value); }, simt::Scope::scope); \
    return __builtin_bit_cast(float, old);                                                      \
  }
SIMT_EXCHANGE_FLOAT(atomicExch, device)
SIMT_EXCHANGE_FLOAT(atomicExch_block, block)
SIMT_EXCHANGE_FLOAT(atomicExch_system, device)
#undef SIMT_EXCHANGE_FLOAT

#define SIMT_CAS_IN(name, T, scope)                                               \
  inline T name(T* address, T compare, T value) {                                 \
    return simt::atomic_exchange_if(address, compare, value, simt::Scope::scope); \
  }
#define SIMT_CAS(T)                      \
  SIMT_CAS_IN(atomicCAS, T, device)      \
  SIMT_CAS_IN(atomicCAS_block, T, block) \
  SIMT_CAS_IN(atomicCAS_system, T, device)
SIMT_CAS(int)
SIMT_CAS(unsigned)
SIMT_CAS(unsigned long long)
SIMT_CAS(unsigned short)
#undef SIMT_CAS
#undef SIMT_CAS_IN
#undef SIMT_ATOMIC_3
#undef SIMT_ATOMIC
#undef SIMT_ATOMIC_IN

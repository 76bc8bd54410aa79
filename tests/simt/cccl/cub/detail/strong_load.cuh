// CUB's loads that other blocks' stores race with, which are PTX, by the emulator's atomic operations.
#pragma once
#include <simt/atomics.h>
#include <cub/config.cuh>

CUB_NAMESPACE_BEGIN
namespace detail {

template <class T>
T strong_load(const T* at, simt::MemoryOrder order) {
  T value;
  simt::ordered_access(
      const_cast<T*>(at), simt::AtomicKind::read, simt::Scope::device,
      order, [&](T & x) __attribute__((no_sanitize("thread"))) {
        value = x;
        return false;
      });
  return value;
}
// What a block publishes depends on all that it has read, so no later block can overtake its reads: Thrust's
// algorithms in place rely on that, although no order is in the program.
template <class T>
T load_relaxed(const T* at) {
  return strong_load(at, simt::MemoryOrder::acquire);
}
template <class T>
T load_acquire(const T* at) {
  return strong_load(at, simt::MemoryOrder::acquire);
}

}  // namespace detail
CUB_NAMESPACE_END

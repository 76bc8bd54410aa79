// CUB's stores that other blocks' loads race with, which are PTX, by the emulator's atomic operations.
#pragma once
#include <simt/atomics.h>
#include <cub/config.cuh>

CUB_NAMESPACE_BEGIN
namespace detail {

template <class T>
void strong_store(T* at, T value, simt::MemoryOrder order) {
  simt::ordered_access(
      at, simt::AtomicKind::write, simt::Scope::device,
      order, [&](T & x) __attribute__((no_sanitize("thread"))) {
        x = value;
        return true;
      });
}
// Is a release, because loads are acquires; see strong_load.cuh.
template <class T>
void store_relaxed(T* at, std::type_identity_t<T> value) {
  strong_store(at, value, simt::MemoryOrder::release);
}
template <class T>
void store_release(T* at, std::type_identity_t<T> value) {
  strong_store(at, value, simt::MemoryOrder::release);
}

}  // namespace detail
CUB_NAMESPACE_END

// Device functions over the lanes of a warp that exchange more than one value, the clocks, and __trap.
#pragma once
#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "simt/intrinsics.h"
#include "simt/machine.h"

namespace simt {

// Returns the number of the caller in its block.
inline unsigned thread_rank() { return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x; }

// The values of all lanes of `mask` that meet.
struct Gathered {
  unsigned lanes;
  std::uint64_t of[32];

  template <class F>
  void each(F f) const {
    for (unsigned rest = lanes; rest != 0; rest &= rest - 1) f(std::countr_zero(rest));
  }
};

template <class T>
inline __attribute__((always_inline)) Gathered gather(Collective kind, unsigned mask, T value, Where where) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  Gathered all;
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  all.lanes = warp_gather(kind, mask, bits, all.of, where);
  return all;
}

template <class T, class F>
T fold(const Gathered& all, F f) {
  T result = {};
  bool first = true;
  all.each([&](int lane) {
    T value;
    std::memcpy(&value, &all.of[lane], sizeof(T));
    result = first ? value : f(result, value);
    first = false;
  });
  return result;
}

}  // namespace simt

template <class T>
SIMT_MEETING unsigned __match_any_sync(unsigned mask, T value, simt::Where where = simt::Where::current()) {
  const simt::Gathered all = simt::gather(simt::Collective::match, mask, value, where);
  unsigned same = 0;
  const std::uint64_t own = all.of[simt::thread_rank() % 32];
  all.each([&](int lane) { same |= unsigned(all.of[lane] == own) << lane; });
  return same;
}
template <class T>
SIMT_MEETING unsigned __match_all_sync(unsigned mask, T value, int* predicate,
                                       simt::Where where = simt::Where::current()) {
  const simt::Gathered all = simt::gather(simt::Collective::match, mask, value, where);
  const std::uint64_t own = all.of[simt::thread_rank() % 32];
  bool same = true;
  all.each([&](int lane) { same = same && all.of[lane] == own; });
  *predicate = same;
  return same ? mask : 0;
}

#define SIMT_REDUCE(name, T, expression)                                                    \
  SIMT_MEETING T name(unsigned mask, T value, simt::Where where = simt::Where::current()) { \
    return simt::fold<T>(simt::gather(simt::Collective::reduce, mask, value, where),        \
                         [](T a, T b) { return T(expression); });                           \
  }
SIMT_REDUCE(__reduce_add_sync, unsigned, a + b)
SIMT_REDUCE(__reduce_add_sync, int, unsigned(a) + unsigned(b))
SIMT_REDUCE(__reduce_min_sync, unsigned, b < a ? b : a)
SIMT_REDUCE(__reduce_min_sync, int, b < a ? b : a)
SIMT_REDUCE(__reduce_max_sync, unsigned, a < b ? b : a)
SIMT_REDUCE(__reduce_max_sync, int, a < b ? b : a)
SIMT_REDUCE(__reduce_and_sync, unsigned, a& b)
SIMT_REDUCE(__reduce_or_sync, unsigned, a | b)
SIMT_REDUCE(__reduce_xor_sync, unsigned, a ^ b)
#undef SIMT_REDUCE

// Time passes only where a thread asks for it or sleeps.
inline long long clock64() { return static_cast<long long>(simt::device_clock(0)); }

inline void __nanosleep(unsigned nanoseconds) { simt::device_clock(nanoseconds); }
[[noreturn]] inline void __trap() { simt::device_violation("the thread called __trap: error ", 719, ""); }

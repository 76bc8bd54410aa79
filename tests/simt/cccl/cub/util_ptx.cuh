// CUB's functions that are PTX inside, by the emulator's warp collectives.
#pragma once
#include <cub/config.cuh>
#include <cub/util_debug.cuh>
#include <cub/util_type.cuh>

#include <cstring>
#include <cuda/ptx>
#include <cuda/std/functional>

// An operator that no caller gives.
_LIBCUDACXX_BEGIN_NAMESPACE_STD
template <class T = void>
struct plus_by_ptx : plus<T> {};
_LIBCUDACXX_END_NAMESPACE_STD

CUB_NAMESPACE_BEGIN

inline void ThreadExit() { simt::exit_thread(); }
inline int RowMajorTid(int x, int y, int) {
  return int((threadIdx.z * unsigned(y) + threadIdx.y) * unsigned(x) + threadIdx.x);
}

template <int Threads>
unsigned WarpMask(unsigned warp) {
  const unsigned lanes = ~0u >> (32 - Threads);
  return Threads < 32 && (Threads & (Threads - 1)) == 0 ? lanes << (warp * Threads) : lanes;
}

namespace detail {

// f(word) for every 4 bytes of the value.
template <class T, class F>
T by_words(T input, F f) {
  unsigned words[(sizeof(T) + 3) / 4] = {};
  std::memcpy(words, &input, sizeof(T));
  for (unsigned& word : words) word = f(word);
  std::memcpy(static_cast<void*>(&input), words, sizeof(T));
  return input;
}
template <int Threads>
int lane_in_segment() {
  return int(::cuda::ptx::get_sreg_laneid()) % Threads;
}

inline uint32_t LogicShiftLeft(uint32_t value, uint32_t bits) { return bits < 32 ? value << bits : 0; }
inline uint32_t LogicShiftRight(uint32_t value, uint32_t bits) { return bits < 32 ? value >> bits : 0; }

}  // namespace detail

// Lanes whose source lies outside of [first, last] of their segment keep their own value.
template <int Threads, class T>
T ShuffleUp(T input, int offset, int first, unsigned mask) {
  const T other =
      detail::by_words(input, [&](unsigned w) { return __shfl_up_sync(mask, w, unsigned(offset), Threads); });
  return detail::lane_in_segment<Threads>() - offset >= first ? other : input;
}
template <int Threads, class T>
T ShuffleDown(T input, int offset, int last, unsigned mask) {
  const T other = detail::by_words(
      input, [&](unsigned w) { return __shfl_down_sync(mask, w, unsigned(offset), Threads); });
  return detail::lane_in_segment<Threads>() + offset <= last ? other : input;
}
template <int Threads, class T>
T ShuffleIndex(T input, int source, unsigned mask) {
  return detail::by_words(input, [&](unsigned w) { return __shfl_sync(mask, w, source, Threads); });
}

// The first `Threads` lanes whose label is the caller's.
template <int Bits, int Threads = 32>
unsigned MatchAny(unsigned label) {
  unsigned peers = ~0u >> (32 - Threads);
  for (int bit = 0; bit < Bits; ++bit) {
    const bool set = (label >> bit & 1u) != 0;
    const unsigned votes = __ballot_sync(~0u, set);
    peers &= set ? votes : ~votes;
  }
  return peers;
}

CUB_NAMESPACE_END

// What tests of the CUDA backend ask of the machine that runs them. The emulator draws orders from a seed and
// counts accesses; a GPU has its own order and does not count.
#pragma once
#if STILLPOINT_SIMT
#include "simt/machine.h"
#define CHECK_COUNTED(...) CHECK(__VA_ARGS__)
#else
#include <cstdint>
#define CHECK_COUNTED(...) static_cast<void>(0)

namespace simt {

inline void set_seed(std::uint64_t) {}
inline void set_late(bool) {}
inline void reset_stats() {}

}  // namespace simt
#endif

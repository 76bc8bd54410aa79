// Philox4x32-10: counter-based random numbers, the same on CPU and GPU (Salmon et al., SC 2011).
#pragma once
#include <cstdint>

#include "kernels/launch/scalar.h"

namespace stillpoint::kernels {

struct Philox4 {
  std::uint32_t x[4];
};

// Ten rounds over the 128-bit counter {index, stream} with the 64-bit key `seed`.
STILLPOINT_HD Philox4 philox(std::uint64_t seed, std::uint64_t stream, std::uint64_t index) {
  std::uint32_t c0 = std::uint32_t(index), c1 = std::uint32_t(index >> 32);
  std::uint32_t c2 = std::uint32_t(stream), c3 = std::uint32_t(stream >> 32);
  std::uint32_t k0 = std::uint32_t(seed), k1 = std::uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t(0xD2511F53u) * c0, p1 = std::uint64_t(0xCD9E8D57u) * c2;
    const std::uint32_t n0 = std::uint32_t(p1 >> 32) ^ c1 ^ k0, n2 = std::uint32_t(p0 >> 32) ^ c3 ^ k1;
    c1 = std::uint32_t(p1);
    c3 = std::uint32_t(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// Maps 53 bits to [0, 1).
STILLPOINT_HD double unit_interval(std::uint32_t high, std::uint32_t low) {
  return double(((std::uint64_t(high) << 32) | low) >> 11) * (1.0 / 9007199254740992.0);
}

}  // namespace stillpoint::kernels

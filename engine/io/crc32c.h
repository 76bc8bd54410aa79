// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), which finds every change of up to 32 neighbouring
// bits.
#pragma once
#include <cstdint>

#include "engine/io/files.h"

namespace stillpoint {

// Of the bytes that `before` is the sum of, followed by these.
std::uint32_t crc32c(Bytes bytes, std::uint32_t before = 0);
// The same, on processors that have no instruction for it.
std::uint32_t crc32c_by_table(Bytes bytes, std::uint32_t before = 0);

}  // namespace stillpoint

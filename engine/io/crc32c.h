// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78), which detects any change of up to 32 adjacent bits.
#pragma once
#include <cstdint>

#include "engine/io/files.h"

namespace stillpoint {

// Returns the sum of the bytes that `before` is the sum of, followed by these.
std::uint32_t crc32c(Bytes bytes, std::uint32_t before = 0);
// Does the same for processors that have no instruction for it.
std::uint32_t crc32c_by_table(Bytes bytes, std::uint32_t before = 0);

}  // namespace stillpoint

// Tells whether AddressSanitizer watches, under which a test may take a smaller part of a long loop.
#pragma once

namespace stillpoint {

#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace stillpoint

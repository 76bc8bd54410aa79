// Measures passed time in seconds.
#pragma once
#include <sys/time.h>

#include <chrono>

namespace stillpoint {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double seconds_of(const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); }

}  // namespace stillpoint

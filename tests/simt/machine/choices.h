// Counts the choices of a schedule, so that some of them can be taken back.
#pragma once
#include <cstdint>

namespace simt {

// The seed makes the choices of these numbers. All others take the first possibility, as with seed 0.
// SIMT_SWITCHES=from-to sets them; without it these are all.
struct Switches {
  std::uint64_t from = 0, to = ~std::uint64_t(0);
};
inline constinit Switches switches;

// How many choices the calling host thread has made.
inline constinit thread_local std::uint64_t choices = 0;
// Counts one more, and returns whether the seed makes it.
inline bool is_drawn() {
  const std::uint64_t number = choices++;
  return number >= switches.from && number < switches.to;
}

// Returns the number by which simt-run --replay repeats a run: 2 seed + late, in its upper bits the switches
// if these are not all.
std::uint64_t replay_number(std::uint64_t seed, bool late);

}  // namespace simt

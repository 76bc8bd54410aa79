// Implements the count of choices.
#include "machine/choices.h"

#include <cstdio>
#include <cstdlib>

namespace simt {
namespace {

constinit thread_local std::uint64_t made = 0;

Switches read_switches() {
  unsigned long long from = 0, to = 0;
  const char* const text = std::getenv("SIMT_SWITCHES");
  if (text == nullptr || std::sscanf(text, "%llu-%llu", &from, &to) != 2) return {};
  return {from, to};
}

}  // namespace

const Switches& switches() {
  static const Switches given = read_switches();
  return given;
}

bool is_drawn() {
  const std::uint64_t number = made++;
  return number >= switches().from && number < switches().to;
}

std::uint64_t choices() { return made; }

std::uint64_t replay_number(std::uint64_t seed, bool late) {
  const std::uint64_t number = 2 * seed + (late ? 1 : 0);
  if (switches().to == Switches().to) return number;
  return number | switches().from << 16 | switches().to << 40;
}

}  // namespace simt

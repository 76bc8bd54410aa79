// Reads which choices the seed makes, and numbers replays.
#include "machine/choices.h"

#include <cstdio>
#include <cstdlib>

namespace simt {
namespace {

const bool has_read_switches = [] {
  unsigned long long from = 0, to = 0;
  const char* const text = std::getenv("SIMT_SWITCHES");
  if (text == nullptr || std::sscanf(text, "%llu-%llu", &from, &to) != 2) return false;
  switches = {from, to};
  return true;
}();

}  // namespace

std::uint64_t replay_number(std::uint64_t seed, bool late) {
  const std::uint64_t number = 2 * seed + (late ? 1 : 0);
  if (!has_read_switches) return number;
  return number | switches.from << 16 | switches.to << 40;
}

}  // namespace simt

// Reads the files in which Linux reports its memory.
#include "kernels/host/host_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>

#include "kernels/device/memory.h"
#include "kernels/host/address_space.h"
#include "kernels/host/control_groups.h"

namespace stillpoint::kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// Returns the number after the word `key` (or at the beginning if `key` is empty), or `otherwise` if there is
// no number, as in "max".
std::size_t number_in(const fs::path& path, const std::string& key, std::size_t otherwise) {
  std::ifstream in(path);
  std::string word = key;
  while (!key.empty() && in >> word && word != key) {
  }
  std::size_t value = 0;
  return in >> value ? value : otherwise;
}

// The names of files in the two versions of control groups.
struct Version {
  const char *limit, *usage, *reclaimable;
};
constexpr Version versions[] = {{"memory.max", "memory.current", "inactive_file"},
                                {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}};

}  // namespace

std::size_t left_in_groups(const std::string& memberships, const std::string& root) {
  std::size_t left = no_limit;
  for (const fs::path& group : control_groups("memory", memberships, root))
    for (const Version& v : versions) {
      const std::size_t limit = number_in(group / v.limit, "", no_limit);
      if (limit == no_limit) continue;
      const std::size_t used = number_in(group / v.usage, "", 0),
                        kept = used - std::min(used, number_in(group / "memory.stat", v.reclaimable, 0));
      left = std::min(left, limit - std::min(limit, kept));
    }
  return left;
}

std::size_t free_host_memory() {
  return std::min({left_by_limits(), number_in("/proc/meminfo", "MemAvailable:", no_limit / 1024) * 1024,
                   left_in_groups(own_memberships(), groups_root)});
}

void require_host_memory(std::initializer_list<std::int64_t> factors, const std::string& what,
                         const std::string& remedy) {
  constexpr std::int64_t small = 16 << 20;  // not worth reading files
  std::int64_t bytes = 1;
  bool fits = true;
  for (const std::int64_t factor : factors) fits = fits && !__builtin_mul_overflow(bytes, factor, &bytes);
  if (fits && bytes <= small) return;
  const std::size_t left = free_host_memory();
  if (fits && std::size_t(bytes) <= left) return;
  throw OutOfMemory(text("memory: given ", what, ", which need ", fits ? text(bytes) : "more than 2^63",
                         " bytes, expected at most the ", left, " bytes that are free, ", remedy));
}

}  // namespace stillpoint::kernels

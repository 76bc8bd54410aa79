// Linux tells it in files.
#include "kernels/host_memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

#include "kernels/address_space.h"
#include "kernels/memory.h"

namespace stillpoint::kernels {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// The number after the word `key` (or at the beginning, where it is empty); `otherwise` where there is none,
// as in "max".
std::size_t number_in(const fs::path& path, const std::string& key, std::size_t otherwise) {
  std::ifstream in(path);
  std::string word = key;
  while (!key.empty() && in >> word && word != key) {
  }
  std::size_t value = 0;
  return in >> value ? value : otherwise;
}

// Names of files of the two versions of control groups.
struct Hierarchy {
  const char *mount, *prefix, *limit, *usage, *reclaimable;
};
constexpr Hierarchy hierarchies[] = {
    {"/sys/fs/cgroup", "0::", "memory.max", "memory.current", "inactive_file"},
    {"/sys/fs/cgroup/memory", ":memory:", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "total_inactive_file"}};

// What the group and those around it leave, with the pages of files that they can drop.
std::size_t left_in_groups(const Hierarchy& h, const std::string& group) {
  std::size_t left = no_limit;
  for (fs::path path = fs::path(group).relative_path();; path = path.parent_path()) {
    const fs::path folder = fs::path(h.mount) / path;
    const std::size_t limit = number_in(folder / h.limit, "", no_limit);
    if (limit != no_limit) {
      const std::size_t used = number_in(folder / h.usage, "", 0),
                        kept = used - std::min(used, number_in(folder / "memory.stat", h.reclaimable, 0));
      left = std::min(left, limit - std::min(limit, kept));
    }
    if (path.empty()) return left;
  }
}

}  // namespace

std::size_t free_host_memory() {
  std::size_t left =
      std::min(left_by_limits(), number_in("/proc/meminfo", "MemAvailable:", no_limit / 1024) * 1024);
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);)
    for (const Hierarchy& h : hierarchies)
      if (const std::size_t at = line.find(h.prefix); at != std::string::npos)
        left = std::min(left, left_in_groups(h, line.substr(at + std::string(h.prefix).size())));
  return left;
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

// Counts the cores that this process may use, by its affinity and by the CPU quotas of its control groups.
#include "kernels/host/threads.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "kernels/device/error.h"
#include "kernels/host/control_groups.h"

namespace stillpoint::kernels {
namespace {

namespace fs = std::filesystem;

// Returns where this process may run; more than CPU_SETSIZE processors need a longer set.
int allowed_processors() {
  for (int size = CPU_SETSIZE; size <= 1 << 20; size *= 2) {
    std::vector<cpu_set_t> set(std::size_t(size / CPU_SETSIZE));
    const std::size_t bytes = set.size() * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, set.data()) == 0) return CPU_COUNT_S(bytes, set.data());
  }
  return 1;
}

double number(const fs::path& path) {
  double value = 0;
  std::ifstream(path) >> value;  // "max" and a file that is missing leave 0
  return value;
}

// Returns the quota of one group, version 2 ("150000 100000" or "max 100000") or 1 (two files, -1: none).
double quota_of(const fs::path& folder) {
  double most = 0, period = 0;
  if (std::ifstream both(folder / "cpu.max"); both >> most >> period && period > 0) return most / period;
  most = number(folder / "cpu.cfs_quota_us");
  period = number(folder / "cpu.cfs_period_us");
  return most > 0 && period > 0 ? most / period : 0;
}

double own_quota() {
  static const double quota_at_start = quota(own_memberships(), groups_root);
  return quota_at_start;
}

}  // namespace

double quota(const std::string& memberships, const std::string& root) {
  double least = 0;
  for (const fs::path& group : control_groups("cpu", memberships, root))
    if (const double q = quota_of(group); q > 0) least = least > 0 ? std::min(least, q) : q;
  return least;
}

int within_quota(int n) {
  const double quota = own_quota();
  return quota > 0 ? std::clamp(int(quota + 0.5), 1, n) : n;
}

int cores() { return within_quota(allowed_processors()); }

std::string describe_cores() {
  const int n = allowed_processors();
  const double quota = own_quota();
  return text(n, n == 1 ? " core" : " cores", quota > 0 ? text(", CPU quota ", quota) : "");
}

}  // namespace stillpoint::kernels

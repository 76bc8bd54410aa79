// Rungs and the quantile at a rung.
#include "tasks/search/asha.h"

#include <algorithm>
#include <cmath>

#include "kernels/error.h"

namespace stillpoint {

void Asha::check() const {
  require(grace >= 1 && most >= grace, "asha: given a grace period of ", grace, " and at most ", most,
          " evaluations, expected 1 <= grace <= most, change one of them");
  require(reduction >= 2, "asha: given a reduction factor of ", reduction, ", expected at least 2, raise it");
}

std::vector<Index> Asha::rungs() const {
  check();
  std::vector<Index> out;
  for (Index rung = grace; rung < most; rung *= reduction) {
    out.push_back(rung);
    if (rung > most / reduction) break;  // the next one would be beyond, if it is a number at all
  }
  return out;
}

bool goes_on(double value, std::vector<double> others, Index reduction, Direction direction) {
  if (std::isnan(value)) return false;
  std::erase_if(others, [](double v) { return std::isnan(v); });
  if (others.empty()) return true;
  const double sign = direction == Direction::maximize ? 1 : -1;
  for (double& v : others) v *= sign;
  std::sort(others.begin(), others.end());
  const double at = (1 - 1 / double(reduction)) * double(others.size() - 1);
  const auto below = std::size_t(at);
  const std::size_t above = std::min(below + 1, others.size() - 1);
  const double rest = at - double(below), low = others[below], high = others[above];
  const double limit = rest == 0 || std::isinf(low) ? low : low + rest * (high - low);
  return sign * value >= limit;
}

}  // namespace stillpoint

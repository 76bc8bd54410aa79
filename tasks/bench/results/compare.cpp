// Finds rows of the same workload, sizes, device, threads and precision in two runs.
#include "tasks/bench/results/compare.h"

#include <algorithm>
#include <cmath>
#include <iomanip>

#include "tasks/bench/sweep.h"
#include "tasks/io/numbers.h"

namespace stillpoint::bench {
namespace {

bool same_setting(const Row& a, const Row& b) {
  return a.workload == b.workload && a.sizes == b.sizes && a.device == b.device && a.threads == b.threads &&
         a.precision == b.precision && a.program == b.program;
}

bool beyond_noise(const Timing& a, const Timing& b) {
  if (a.rounds.size() < 2 || b.rounds.size() < 2) return false;
  const auto [a_low, a_high] = std::minmax_element(a.rounds.begin(), a.rounds.end());
  const auto [b_low, b_high] = std::minmax_element(b.rounds.begin(), b.rounds.end());
  return *a_high < *b_low || *b_high < *a_low;
}

}  // namespace

bool compare(std::ostream& out, const Document& old, const Document& now, double worse) {
  std::size_t pairs = 0, slower = 0;
  for (const Row& row : now.rows)
    for (const Row& before : old.rows) {
      if (!same_setting(row, before) || !std::isfinite(row.ms.median) || !std::isfinite(before.ms.median))
        continue;
      ++pairs;
      const double ratio = row.ms.median / before.ms.median;
      const bool certain = beyond_noise(before.ms, row.ms), bad = certain && ratio > 1 + worse;
      slower += bad;
      out << std::left << std::setw(44) << row.workload << std::right << " " << readable(before.ms.median)
          << " -> " << readable(row.ms.median) << " ms, " << readable(ratio) << " of before"
          << (bad                    ? ": SLOWER"
              : certain && ratio < 1 ? ": faster"
              : certain              ? ": slower"
                                     : ": within noise")
          << "\n";
    }
  require(pairs > 0,
          "--compare: given a run that holds none of these rows, expected the same workloads, sizes, "
          "device, threads and precision, measure the same rows");
  out << pairs << (pairs == 1 ? " row" : " rows") << " in both runs, " << slower << " slower by more than "
      << readable(worse * 100) << " % beyond noise\n";
  return slower == 0;
}

}  // namespace stillpoint::bench

// Measures row after row; a row's programs take turns, round by round.
#include "tasks/bench/bench.h"

#include "tasks/bench/sweep.h"
#include "tasks/process/interrupt.h"

namespace stillpoint::bench {
namespace {

Row time_row(const Request& request, const Setting& setting) {
  Measurement ours(setting);
  ours.warm_up(request.seconds);
  for (int i = 0; i < request.rounds && (i == 0 || !InterruptGuard::interrupted()); ++i)
    ours.round(request.seconds);
  return ours.row();
}

}  // namespace

std::vector<Row> measure_rows(const Request& request, const Watcher& watcher) {
  std::vector<Row> all;
  for (std::size_t i = 0; i < request.settings.size() && !InterruptGuard::interrupted(); ++i) {
    const Setting& setting = request.settings[i];
    watcher.begins(i, setting.workload->name);
    try {
      all.push_back(time_row(request, setting));
    } catch (const std::exception& why) {
      watcher.failed(setting.workload->name + " (" + words_of(setting.workload->axes, setting.sizes) + ")",
                     why);
    }
  }
  compare_with_sims(all);
  return all;
}

}  // namespace stillpoint::bench

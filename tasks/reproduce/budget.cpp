// Measures steps, and shares time between runs.
#include "tasks/reproduce/budget.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include "engine/io/files.h"
#include "tasks/process/clock.h"
#include "tasks/process/interrupt.h"
#include "tasks/training/train.h"

namespace stillpoint {

namespace fs = std::filesystem;

double fair_share(std::vector<double> wanted, double total) {
  std::sort(wanted.begin(), wanted.end());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double share = total / double(wanted.size() - i);
    if (wanted[i] > share) return share;
    total -= wanted[i];
  }
  return std::numeric_limits<double>::infinity();
}

double seconds_per_epoch(const Job& job, Device device, const fs::path& scratch) {
  constexpr Index warm_up = 2, most = 200;
  constexpr double enough = 2;  // seconds
  const TaskKind& kind = task_kind(job.table->task);
  const Json config = job.config();
  const Index steps_per_epoch = kind.make(config, device)->facts().steps_per_epoch;
  Clock::time_point begun;
  double seconds = 0;
  Index timed = 0;
  std::ostringstream unread;
  remove_own_folder(scratch, scratch.parent_path(), config_name);
  train({.kind = &kind,
         .config = config,
         .device = device,
         .folder = scratch,
         .should_stop =
             [&](Index step) {
               if (step == warm_up) begun = Clock::now();
               if (step <= warm_up) return InterruptGuard::interrupted();
               seconds = seconds_since(begun);
               timed = step - warm_up;
               return seconds > enough || timed == most || InterruptGuard::interrupted();
             }},
        unread);
  remove_own_folder(scratch, scratch.parent_path(), config_name);
  release_cached_memory(device);  // this process starts others, and no longer needs it
  return timed == 0 ? 0 : seconds / double(timed) * double(steps_per_epoch);
}

}  // namespace stillpoint

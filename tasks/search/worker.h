// A worker of a search: draws settings, trains with them, reports after every evaluation and stops what falls
// behind.
#pragma once
#include <filesystem>
#include <ostream>

#include "tasks/registry.h"
#include "tasks/search/space.h"
#include "tasks/search/study.h"

namespace stillpoint {

struct SearchPlan {
  const TaskKind* kind = nullptr;
  SearchSpace space;
  std::vector<SettingsLayer> settings;  // fixed ones, over the space's own
  bool halving = true;                  // false: every trial runs to its end (random search)
  std::uint64_t seed = 0;               // of the draws
  Index trials = 1;
  std::string storage = {}, study = {};  // URL and name
  std::filesystem::path folder = {};     // of the trials' runs
  Device device = Device::cpu;
  double heartbeat = 15;  // seconds; a trial that was silent for four of them is another worker's
  Index retries = 3;      // of one trial

  // Of a trial; Error where a draw does not fit the task's settings.
  Json config(const std::vector<Parameter>& parameters) const;
  // What all workers have to agree on.
  Json agreement() const;
  // Error where this process cannot train, for want of data or of memory: every trial would fail of it.
  void try_task() const;
  // Error where the folder holds the runs of another study.
  Study open_or_create() const;
  std::filesystem::path run_folder(Index number) const;
};

// Runs trials until there are `plan.trials`, all of them ended, or until the guard of interrupts says so:
// then the trial at hand is saved and waits for the next worker. One line per trial goes to `out`, its log
// beside its folder. False where it was interrupted.
bool run_worker(const SearchPlan& plan, std::ostream& out);

}  // namespace stillpoint

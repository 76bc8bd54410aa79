// The flags of `stillpoint tune TASK`, which start a search.
#pragma once
#include <ostream>

#include "tasks/command/cli_flags.h"

namespace stillpoint {

struct TuneFlags {
  CommonFlags common;
  SettingsFlags settings;
  std::string space, storage, storage_file, study, folder, scheduler = "asha", sampler = "random";
  std::int64_t trials = 0, workers = 1, grace = 0, reduction = 0, most = 0, search_seed = 0, retries = 3;
  double heartbeat = 15, patience = 300;
  bool dry = false;

  void add_to(CLI::App& app, const TaskKind& kind);
  // Checks the settings of a trial, then replaces this process by Python, which runs the driver,
  // tasks/search. Throws Error if no trial could be trained, or if there is no Python.
  [[noreturn]] void run(const CLI::App& app, const TaskKind& kind) const;

 private:
  Json plan(const TaskKind& kind) const;
  std::string storage_of(const std::string& folder) const;
};

}  // namespace stillpoint

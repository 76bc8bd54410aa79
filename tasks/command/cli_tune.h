// The flags of `stillpoint tune TASK`, and what they start.
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

  void add_to(CLI::App& app, std::string_view task);
  // Checks the settings of a trial here, and becomes Python with the driver, tasks/search. Error
  // where no trial could be trained, or there is no Python.
  [[noreturn]] void run(const CLI::App& app, const TaskKind& kind) const;

 private:
  Json plan(const TaskKind& kind) const;
  std::string storage_of(const std::string& folder) const;
};

}  // namespace stillpoint

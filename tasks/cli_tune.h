// The flags of `stillpoint tune TASK`, and what they start.
#pragma once
#include <ostream>

#include "kernels/communicator.h"
#include "tasks/cli_flags.h"

namespace stillpoint {

struct SearchPlan;

struct TuneFlags {
  CommonFlags common;
  SettingsFlags settings;
  std::string space, storage, study, folder, scheduler = "asha";
  std::int64_t trials = 0, workers = 1, grace = 0, reduction = 0, most = 0, search_seed = 0, retries = 3;
  double heartbeat = 15;
  bool worker = false;  // a copy that another process has started

  void add_to(CLI::App& app, std::string_view task);
  // `arguments`: the program's own, for copies of it. 0: done; 130: interrupted.
  int run(const TaskKind& kind, const std::vector<std::string>& arguments, std::ostream& out) const;

 private:
  int run_ranks(SearchPlan& plan, kernels::Communicator& group, std::ostream& out) const;
};

}  // namespace stillpoint

// The summary of a search.
#include "tasks/search/tune.h"

#include "engine/files.h"
#include "tasks/io/progress.h"

namespace stillpoint {

bool summarise(const SearchPlan& plan, std::ostream& out) {
  const Study study = Study::open(plan.storage, plan.study);
  std::map<TrialState, Index> counts;
  for (const Trial& trial : study.trials()) {
    ++counts[trial.state];
    if (trial.state == TrialState::fail && trial.user_attributes.contains("error"))
      out << "trial " << trial.number << " failed: " << trial.user_attributes.at("error").get<std::string>()
          << "\n";
  }
  out << "study " << plan.study << " in "
      << (plan.storage.starts_with("postgres") ? study.storage() : plan.storage) << ": "
      << counts[TrialState::complete] << " trials complete, " << counts[TrialState::pruned]
      << " stopped early, " << counts[TrialState::fail] << " failed, " << counts[TrialState::waiting]
      << " to be resumed";
  if (counts[TrialState::running] > 0) out << ", " << counts[TrialState::running] << " running elsewhere";
  out << "\n";
  for (const Index number : study.running_trials(false))
    out << "trial " << number
        << " gives no signs of life (Optuna's heartbeat_interval), and was not waited for\n";
  const std::optional<Trial> best = study.best_trial();
  if (!best) {
    out << "no trial is complete\n";
    return false;
  }
  const std::filesystem::path file = plan.folder / "best.json";
  write_atomically(file, plan.config(best->parameters).dump(2) + "\n");
  out << "best: trial " << best->number << ", valid " << plan.space.metric << " "
      << format_number(*best->value) << "\n"
      << settings_of(best->parameters).dump(2) << "\n"
      << "Train with its settings:\n  stillpoint train " << plan.kind->name() << " --config " << file.string()
      << std::endl;
  return true;
}

}  // namespace stillpoint

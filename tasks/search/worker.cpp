// The loop over trials, and one trial.
#include "tasks/search/worker.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <thread>

#include "engine/files.h"
#include "tasks/interrupt.h"
#include "tasks/io/progress.h"
#include "tasks/search/heartbeat.h"
#include "tasks/train.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

std::string describe(const std::vector<Parameter>& parameters) {
  std::string out;
  for (const Parameter& p : parameters)
    out += text(out.empty() ? "" : ", ", p.name, " ",
                p.value().is_number_float() ? format_number(p.value().get<double>())
                : p.value().is_string()     ? p.value().get<std::string>()
                                            : p.value().dump());
  return out;
}

double metric_of(const Metrics& metrics, const std::string& name) {
  std::string known;
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
    known += (known.empty() ? "" : ", ") + key;
  }
  fail("search space: given metric '", name, "', expected one of ", known, ", correct the space");
}

// One trial in this worker's hands.
class TrialRun {
 public:
  TrialRun(const SearchPlan& plan, Study& study, Trial trial)
      : plan_(plan), study_(study), trial_(std::move(trial)), rungs_(plan.space.asha.rungs()) {}

  void run(std::ostream& out);

 private:
  fs::path folder();
  void train_in(const fs::path& folder);
  bool goes_on(const Evaluation& evaluation);
  bool decide(Index evaluations, double value);
  bool in_the_best_part(Index rung, double value) const;
  void fail_with(const std::string& reason);
  std::string end();

  const SearchPlan& plan_;
  Study& study_;
  Trial trial_;
  std::vector<Index> rungs_;
  std::atomic<bool> lost_{false};  // another worker has declared this one dead
  bool pruned_ = false, ended_ = false;
  Index evaluations_ = 0;
  double last_ = NAN;
};

// That of the trial which this one retries, so that it goes on from its checkpoint.
fs::path TrialRun::folder() {
  if (trial_.user_attributes.contains("run")) return trial_.user_attributes.at("run").get<std::string>();
  const fs::path folder = plan_.run_folder(trial_.number);
  require(!fs::exists(folder / checkpoint_name), "tune: given folder ", folder.string(),
          " with the run of another study, expected none, choose another --folder");
  study_.set_user_attribute(trial_, "run", folder.string());
  return folder;
}

bool TrialRun::in_the_best_part(Index rung, double value) const {
  std::vector<double> others;
  for (const auto& [number, other] : study_.intermediate_values_at(rung))
    if (number != trial_.number) others.push_back(other);
  return stillpoint::goes_on(value, others, plan_.space.asha.reduction, plan_.space.direction);
}

// Whether the trial goes on after so many evaluations, the last of which gave the value.
bool TrialRun::decide(Index evaluations, double value) {
  last_ = value;
  evaluations_ = evaluations;
  ended_ = evaluations >= plan_.space.asha.most;
  const bool at_rung = std::find(rungs_.begin(), rungs_.end(), evaluations) != rungs_.end();
  pruned_ = !ended_ && plan_.halving && at_rung && !in_the_best_part(evaluations, value);
  return !ended_ && !pruned_;
}

bool TrialRun::goes_on(const Evaluation& evaluation) {
  const double value = metric_of(evaluation.valid, plan_.space.metric);
  if (!study_.report(trial_, evaluation.count, value)) lost_ = true;
  return !lost_ && decide(evaluation.count, value);
}

void TrialRun::train_in(const fs::path& folder) {
  const bool resume = fs::exists(folder / checkpoint_name);
  if (!resume) fs::remove_all(folder);  // of a worker that was killed before it had saved anything
  make_folder(folder);
  std::ofstream log(folder.string() + ".log", std::ios::app);
  const Heartbeat heartbeat(plan_, trial_, lost_);
  const TrainOutcome outcome =
      train({.kind = plan_.kind,
             .config = plan_.config(trial_.parameters),
             .device = plan_.device,
             .folder = folder,
             .resume = resume,
             .should_stop = [&](Index) { return lost_ || InterruptGuard::interrupted(); },
             .goes_on = [&](const Evaluation& evaluation) { return goes_on(evaluation); }},
            log);
  ended_ = ended_ || outcome.finished;
}

void TrialRun::fail_with(const std::string& reason) {
  study_.set_user_attribute(trial_, "error", reason);
  study_.finish(trial_, TrialState::fail);
}

// Writes down how it ended; in words.
std::string TrialRun::end() {
  if (lost_) return "given up: another worker took it for dead";
  if (pruned_) {
    study_.finish(trial_, TrialState::pruned, last_);
    return text("stopped after ", evaluations_, " evaluations");
  }
  require(ended_ || InterruptGuard::interrupted(), "its run ended before its last evaluation");
  if (!ended_) {
    study_.requeue(trial_);
    return text("interrupted after ", evaluations_, " evaluations; waits to be resumed");
  }
  if (std::isnan(last_)) {
    fail_with(text(plan_.space.metric, " is not a number"));
    return "failed";
  }
  study_.finish(trial_, TrialState::complete, last_);
  return text("ended after ", evaluations_, " evaluations");
}

void TrialRun::run(std::ostream& out) {
  std::string how;
  try {
    // A trial whose worker was killed may have been about to end.
    const auto& reported = trial_.intermediate_values;
    if (reported.empty() || decide(reported.rbegin()->first, reported.rbegin()->second)) train_in(folder());
    how = end();
  } catch (const Error& error) {
    fail_with(error.what());
    how = text("failed: ", error.what());
  }
  out << "trial " << trial_.number << ": " << describe(trial_.parameters) << "; "
      << (std::isnan(last_) ? "" : plan_.space.metric + " " + format_number(last_) + ", ") << how
      << std::endl;
}

}  // namespace

Json SearchPlan::config(const std::vector<Parameter>& parameters) const {
  std::vector<SettingsLayer> layers{{space.settings, "search space"}};
  layers.insert(layers.end(), settings.begin(), settings.end());
  layers.push_back({settings_of(parameters), "draw"});
  return kind->resolve(layers);
}

Json SearchPlan::agreement() const {
  Json fixed = space.settings, draws = Json::object();
  for (const SettingsLayer& layer : settings) fixed.update(layer.object);
  for (const SearchSpace::Draw& draw : space.draws)
    draws[draw.name] = Json::parse(distribution_json(draw.distribution));
  return {{"task", kind->name()},
          {"metric", space.metric},
          {"settings", without_places(fixed)},
          {"draws", draws},
          {"seed", seed},
          {"scheduler",
           halving ? Json{{"asha", {{"grace", space.asha.grace}, {"reduction", space.asha.reduction}}}}
                   : Json("none")},
          {"most", space.asha.most}};
}

// A trial is in the study before its folder exists: where the study has none, the folders are another's.
Study SearchPlan::open_or_create() const {
  const bool has_runs = fs::exists(run_folder(0));
  Study opened = Study::open_or_create(storage, study, space.direction, agreement());
  require(!has_runs || !opened.trials().empty(), "tune: given folder ", folder.string(),
          " with the runs of another study than ", study, ", expected one for each, choose another --folder");
  return opened;
}

void SearchPlan::try_task() const { kind->make(config(space.draw(seed, 0)), device); }

fs::path SearchPlan::run_folder(Index number) const {
  char name[24];
  std::snprintf(name, sizeof name, "%05lld", static_cast<long long>(number));
  return fs::absolute(folder / name);
}

bool run_worker(const SearchPlan& plan, std::ostream& out) {
  plan.try_task();
  Study study = plan.open_or_create();
  const Sampler sampler = [&](Index number) { return plan.space.draw(plan.seed, number); };
  while (!InterruptGuard::interrupted()) {
    for (const StaleTrial& stale : study.fail_stale_trials(4 * plan.heartbeat, plan.retries))
      out << "trial " << stale.number << ": its worker is silent; "
          << (stale.retried_as ? text("tried again as trial ", *stale.retried_as)
                               : "tried too often, given up")
          << std::endl;
    if (std::optional<Trial> trial = study.claim_trial(plan.trials, sampler)) {
      TrialRun(plan, study, std::move(*trial)).run(out);
      continue;
    }
    // A trial that another worker runs may yet fall silent and have to be tried again.
    if (study.running_trials(true).empty()) return true;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(1.0, plan.heartbeat)));
  }
  return false;
}

}  // namespace stillpoint

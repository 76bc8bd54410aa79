// The two halves of the exchange with Optuna, which test_optuna_reads.py runs: hidden, since each needs the
// other side.
#include <cmath>
#include <limits>

#include "tests/catch.h"
#include "tests/search/storage.h"

namespace stillpoint {
namespace {

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  require(value != nullptr, name, ": given nothing, expected a value; run tests/search/test_optuna_reads.py");
  return value;
}

// JSON has no infinities: they are words.
Json number_or_word(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

Json described(const Trial& trial) {
  Json parameters = Json::object(), distributions = Json::object(), intermediate = Json::object();
  for (const Parameter& parameter : trial.parameters) {
    parameters[parameter.name] = parameter.value();
    distributions[parameter.name] = distribution_json(parameter.distribution);
  }
  for (const auto& [step, value] : trial.intermediate_values)
    intermediate[std::to_string(step)] = number_or_word(value);
  return {{"number", trial.number},
          {"state", state_name(trial.state)},
          {"value", trial.value ? number_or_word(*trial.value) : Json()},
          {"params", parameters},
          {"distributions", distributions},
          {"intermediate", intermediate},
          {"user", trial.user_attributes},
          {"system", trial.system_attributes},
          {"started", trial.started},
          {"ended", trial.ended}};
}

Json described(const Study& study) {
  Json trials = Json::array();
  for (const Trial& trial : study.trials()) trials.push_back(described(trial));
  const std::optional<Trial> best = study.best_trial();
  return {{"user", study.user_attributes()},
          {"system", study.system_attributes()},
          {"direction", direction_name(study.direction())},
          {"best", best ? Json(best->number) : Json()},
          {"trials", trials}};
}

void write_description(const Study& study) {
  write_atomically(from_environment("STILLPOINT_OPTUNA_JSON"), described(study).dump());
}

}  // namespace

TEST_CASE("writes a study for Optuna", "[.][optuna-write]") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::string url = from_environment("STILLPOINT_OPTUNA_STORAGE");
  Study study = Study::open_or_create(url, "ours", Direction::maximize,
                                      {{"task", "copy-memory"}, {"space", {{"a\u00e9", {1, 2.5, nullptr}}}}});
  for (Index i = 0; i < 6; ++i) {
    const Trial trial = *study.claim_trial(8, test::sample_all);
    study.set_user_attribute(trial, "run", "runs/" + std::to_string(i));
    const double values[]{0.1 * double(i), infinity, -infinity, std::nan(""), 1e-300};
    for (Index step = 0; step < 5; ++step) study.report(trial, step, values[step]);
    if (i < 2) study.finish(trial, TrialState::complete, double(i) / 3);
    if (i == 2) study.finish(trial, TrialState::pruned, 7.0);
    if (i == 3) study.finish(trial, TrialState::complete, -infinity);
    if (i == 4) study.finish(trial, TrialState::fail);
  }
  open_database(url, OpenMode::existing)
      ->execute("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'");
  CHECK(study.fail_stale_trials(60, 3).size() == 1);
  write_description(study);
}

TEST_CASE("reads a study that Optuna has added to, and goes on with it", "[.][optuna-read]") {
  const std::string url = from_environment("STILLPOINT_OPTUNA_STORAGE");
  Study study = Study::open(url, from_environment("STILLPOINT_OPTUNA_NAME"));
  write_description(study);
  while (const std::optional<Trial> trial = study.claim_trial(20, test::sample_all))
    CHECK(study.finish(*trial, TrialState::complete, -double(trial->number)));
}

}  // namespace stillpoint

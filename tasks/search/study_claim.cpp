// Who runs which trial: new ones, waiting ones, and those whose workers are gone.
#include <algorithm>
#include <cmath>

#include "tasks/search/python_json.h"
#include "tasks/search/study.h"

namespace stillpoint {

namespace {

// The parameters of the space that the trial does not hold, with the values that fixed_params gives, else as
// drawn. Error where what it holds, or they give, is not in the space.
std::vector<Parameter> settle(const Trial& trial, const std::vector<Parameter>& drawn) {
  const Json fixed = trial.system_attributes.value("fixed_params", Json::object());
  require(fixed.is_object(), "fixed_params: given ", fixed.dump(),
          ", expected an object of parameters; enqueue the trial again");
  std::vector<std::string> names;
  std::vector<Parameter> missing;
  for (const Parameter& parameter : drawn) {
    names.push_back(parameter.name);
    const auto held = std::find_if(trial.parameters.begin(), trial.parameters.end(),
                                   [&](const Parameter& other) { return other.name == parameter.name; });
    if (held != trial.parameters.end()) {
      stored_value(parameter.distribution, held->value(), parameter.name);
      continue;
    }
    missing.push_back(parameter);
    const auto given = fixed.find(parameter.name);
    if (given != fixed.end())
      missing.back().stored = stored_value(parameter.distribution, *given, parameter.name);
  }
  const auto check_known = [&](const std::string& name) {
    require(std::find(names.begin(), names.end(), name) != names.end(), "parameter '", name,
            "': given in a waiting trial, expected a parameter of the space",
            did_you_mean(name, names));
  };
  for (const Parameter& held : trial.parameters) check_known(held.name);
  for (const auto& item : fixed.items()) check_known(item.key());
  return missing;
}

}  // namespace

Trial Study::create_trial(const Sampler& sampler) {
  auto transaction = Transaction::write(*database_, study_);
  Trial trial = run_new(sampler);
  transaction.commit();
  return trial;
}

std::optional<Trial> Study::claim_trial(Index most, const Sampler& sampler) {
  for (;;) {
    auto transaction = Transaction::write(*database_, study_);
    if (started_trials() >= most) return std::nullopt;
    const Rows waiting =
        rows("SELECT trial_id FROM trials WHERE study_id = ? AND state = 'WAITING' ORDER BY number LIMIT 1",
             {study_});
    if (!waiting.empty() && !start(integer_of(waiting[0][0]))) continue;
    std::optional<Trial> trial =
        waiting.empty() ? run_new(sampler) : run_waiting(integer_of(waiting[0][0]), sampler);
    transaction.commit();
    if (trial) return trial;
  }
}

Trial Study::run_new(const Sampler& sampler) {
  const Trial trial = read_trials(insert_trial(TrialState::waiting)).front();
  start(trial.id);
  insert_parameters(trial.id, draw(sampler, trial.number));
  return read_trials(trial.id).front();
}

// Nothing where the trial does not fit the space, and has failed of it.
std::optional<Trial> Study::run_waiting(std::int64_t id, const Sampler& sampler) {
  const Trial trial = read_trials(id).front();
  const std::vector<Parameter> drawn = draw(sampler, trial.number);
  std::vector<Parameter> missing;
  try {
    missing = settle(trial, drawn);
  } catch (const Error& error) {
    write_attribute("trial_user", id, "error", error.what());
    end(id, TrialState::fail);
    return std::nullopt;
  }
  insert_parameters(id, missing);
  return read_trials(id).front();
}

// Error where the sampler gives a value outside its distribution, or Optuna would refuse the study.
std::vector<Parameter> Study::draw(const Sampler& sampler, Index number) const {
  std::vector<Parameter> drawn = sampler(number);
  for (const auto& [name, distribution, stored] : drawn) {
    require(contains(distribution, stored), "parameter '", name, "': given ", stored,
            ", expected a value within ", distribution_json(distribution),
            "; this is a mistake of the sampler");
    const Rows earlier = rows(
        "SELECT distribution_json FROM trial_params p JOIN trials t ON t.trial_id = p.trial_id "
        "WHERE t.study_id = ? AND p.param_name = ? LIMIT 1",
        {study_, name});
    if (earlier.empty()) continue;
    const std::string before = text_of(earlier[0][0]);
    require(compatible(read_distribution(before, name), distribution), "parameter '", name, "': given ",
            distribution_json(distribution), ", expected the kind, scale and choices of earlier trials, ",
            before, "; choose another study or name");
  }
  return drawn;
}

// Numbers count the trials of the study that came before; the lock makes that unique.
std::int64_t Study::insert_trial(TrialState state) {
  const std::int64_t number =
      integer_of(rows("SELECT COUNT(*) FROM trials WHERE study_id = ?", {study_})[0][0]);
  return integer_of(rows("INSERT INTO trials (number, study_id, state) VALUES (?, ?, ?) RETURNING trial_id",
                         {number, study_, state_name(state)})[0][0]);
}

void Study::insert_parameters(std::int64_t trial, const std::vector<Parameter>& parameters) {
  for (const auto& [name, distribution, stored] : parameters)
    rows(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)",
        {trial, name, stored, distribution_json(distribution)});
}

// The trials that others retry. Their numbers are in the histories of those.
std::set<Index> Study::retried_numbers() const {
  std::set<Index> numbers;
  for (const Row& row :
       rows("SELECT a.value_json FROM trial_system_attributes a JOIN trials t ON t.trial_id = a.trial_id "
            "WHERE t.study_id = ? AND a.\"key\" = 'retry_history'",
            {study_}))
    for (const Json& number : read_python_json(text_of(row[0]), "retry_history"))
      if (number.is_number_integer()) numbers.insert(number.get<Index>());
  return numbers;
}

Index Study::started_trials() const {
  const std::set<Index> retried = retried_numbers();
  Index count = 0;
  for (const Row& row : rows("SELECT number FROM trials WHERE study_id = ? AND state <> 'WAITING'", {study_}))
    count += !retried.contains(integer_of(row[0]));
  return count;
}

bool Study::requeue(const Trial& trial) {
  auto transaction = Transaction::write(*database_, study_);
  if (!is_running(trial)) return false;
  rows("DELETE FROM trial_heartbeats WHERE trial_id = ?", {trial.id});
  rows("UPDATE trials SET state = 'WAITING', datetime_start = NULL WHERE trial_id = ?", {trial.id});
  transaction.commit();
  return true;
}

std::vector<StaleTrial> Study::fail_stale_trials(double grace_seconds, Index max_retry) {
  auto transaction = Transaction::write(*database_, study_);
  std::vector<StaleTrial> stale;
  for (const Row& row : rows("SELECT t.trial_id, " + database_->dialect().heartbeat_age +
                                 " FROM trials t JOIN trial_heartbeats h ON h.trial_id = t.trial_id "
                                 "WHERE t.study_id = ? AND t.state = 'RUNNING' ORDER BY t.number",
                             {study_})) {
    if (real_of(row[1]) <= std::ceil(grace_seconds)) continue;  // SQLite's ages are whole seconds
    const std::int64_t id = integer_of(row[0]);
    if (!end(id, TrialState::fail)) continue;
    const Trial failed = read_trials(id).front();
    stale.push_back({failed.number, retry(failed, max_retry)});
  }
  transaction.commit();
  return stale;
}

std::vector<Index> Study::running_trials(bool with_heartbeats) const {
  std::vector<Index> numbers;
  for (const Row& row :
       rows("SELECT number FROM trials WHERE study_id = ? AND state = 'RUNNING' AND trial_id " +
                std::string(with_heartbeats ? "IN" : "NOT IN") +
                " (SELECT trial_id FROM trial_heartbeats) ORDER BY number",
            {study_}))
    numbers.push_back(integer_of(row[0]));
  return numbers;
}

std::optional<Index> Study::retry(const Trial& failed, Index max_retry) {
  Json attributes = failed.system_attributes;
  if (!attributes.contains("failed_trial")) attributes["failed_trial"] = failed.number;
  Json& history = attributes["retry_history"];
  if (!history.is_array()) history = Json::array();
  history.push_back(failed.number);
  if (Index(history.size()) > max_retry) return std::nullopt;
  const Trial next = read_trials(insert_trial(TrialState::waiting)).front();
  insert_parameters(next.id, failed.parameters);
  for (const auto& [key, value] : attributes.items()) write_attribute("trial_system", next.id, key, value);
  for (const auto& [key, value] : failed.user_attributes.items())
    write_attribute("trial_user", next.id, key, value);
  if (failed.user_attributes.contains("run"))
    for (const auto& [step, value] : failed.intermediate_values)
      insert_intermediate_value(next.id, step, value);
  return next.number;
}

}  // namespace stillpoint

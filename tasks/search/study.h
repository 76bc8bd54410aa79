// A study: the trials of a hyper-parameter search, in the tables of Optuna's storage, shared by any number of
// workers.
#pragma once
#include <chrono>
#include <functional>
#include <set>

#include "tasks/search/database.h"
#include "tasks/search/trial.h"

namespace stillpoint {

// The parameters of the trial of this number, each with its whole distribution. Called while the study is
// locked, so it should be quick; it may read the study's trials.
using Sampler = std::function<std::vector<Parameter>(Index number)>;
using Clock = std::function<std::chrono::system_clock::time_point()>;

// A trial whose worker is gone, and the number of the trial that takes its place (nothing: it was retried too
// often).
struct StaleTrial {
  Index number;
  std::optional<Index> retried_as;
};

// Every member is one transaction, so a worker may be killed at any moment. A Study is for one thread, and
// must not cross a fork; a thread that records heartbeats opens its own.
class Study {
 public:
  // Makes file, tables and study where they are missing. `settings` become user attributes; Error where the
  // study has another direction, or another value for one of them, or the tables are of another version.
  static Study open_or_create(const std::string& url, const std::string& name, Direction direction,
                              const Json& settings = Json::object(),
                              Clock clock = std::chrono::system_clock::now);
  // Error, with the names that are there, where there is no such study. Writes nothing.
  static Study open(const std::string& url, const std::string& name,
                    Clock clock = std::chrono::system_clock::now);
  static std::vector<std::string> names(const std::string& url);

  const std::string& name() const { return name_; }
  std::string storage() const { return database_->name(); }  // without a password
  Direction direction() const { return direction_; }

  Json user_attributes() const { return attributes("user"); }
  Json system_attributes() const { return attributes("system"); }
  void set_user_attribute(const std::string& key, const Json& value) {
    set_attribute("study_user", study_, key, value);
  }
  void set_system_attribute(const std::string& key, const Json& value) {
    set_attribute("study_system", study_, key, value);
  }

  // A new running trial, whatever the number of others.
  Trial create_trial(const Sampler& sampler);
  // The oldest waiting trial, else a new one, running from now on; nothing where `most` trials have been
  // started. Trials that were retried do not count. What a waiting trial holds, as parameters or as Optuna's
  // `fixed_params`, is kept and the rest drawn; where it does not fit the space that the sampler gives, the
  // trial fails with user attribute `error`.
  std::optional<Trial> claim_trial(Index most, const Sampler& sampler);
  Index started_trials() const;  // as `most` counts them

  // These return false, and write nothing, where the trial no longer runs: somebody else has declared it
  // dead.
  bool report(const Trial& trial, Index step,
              double value);  // again for a step: overwrites; a heartbeat as well
  bool record_heartbeat(const Trial& trial);
  bool set_user_attribute(const Trial& trial, const std::string& key, const Json& value);
  // state: complete (with a value that is not NaN), pruned or fail.
  bool finish(const Trial& trial, TrialState state, std::optional<double> value = std::nullopt);
  // The trial waits for another worker, which goes on with it; that is no retry.
  bool requeue(const Trial& trial);

  // Running trials whose last heartbeat is more than grace_seconds ago fail. Each one that was retried fewer
  // than max_retry times is queued again, with its parameters and attributes; where it has the user attribute
  // `run` (the folder from which it resumes) with its intermediate values too. Those without heartbeats,
  // started by others, are left.
  std::vector<StaleTrial> fail_stale_trials(double grace_seconds, Index max_retry);
  // Numbers of the running trials with heartbeats, or of those without.
  std::vector<Index> running_trials(bool with_heartbeats) const;

  std::vector<Trial> trials() const;  // by number
  // The values at `step` by number of trial, without trials that were retried.
  std::map<Index, double> intermediate_values_at(Index step) const;
  // The complete trial with the best value, the first of equals.
  std::optional<Trial> best_trial() const;

 private:
  Study(std::unique_ptr<Database> database, std::string name, Clock clock);
  bool find();
  void create(Direction direction);
  void agree_on(Direction direction, const Json& settings);
  Json attributes(const std::string& whose) const;
  void set_attribute(const std::string& table, std::int64_t owner, const std::string& key, const Json& value);
  void write_attribute(const std::string& table, std::int64_t owner, const std::string& key,
                       const Json& value);
  Rows rows(const std::string& sql, std::vector<Value> parameters = {}) const;
  std::vector<Trial> read_trials(std::optional<std::int64_t> id = std::nullopt) const;
  std::set<Index> retried_numbers() const;
  bool is_running(const Trial& trial) const;
  std::int64_t insert_trial(TrialState state);
  void insert_parameters(std::int64_t trial, const std::vector<Parameter>& parameters);
  void insert_intermediate_value(std::int64_t trial, Index step, double value);
  void beat(std::int64_t trial);
  bool start(std::int64_t trial);
  bool end(std::int64_t trial, TrialState state);
  std::vector<Parameter> draw(const Sampler& sampler, Index number) const;
  Trial run_new(const Sampler& sampler);
  std::optional<Trial> run_waiting(std::int64_t id, const Sampler& sampler);
  std::optional<Index> retry(const Trial& failed, Index max_retry);
  std::string now() const;

  std::unique_ptr<Database> database_;
  std::string name_;
  Clock clock_;
  std::int64_t study_ = 0;
  Direction direction_ = Direction::minimize;
};

}  // namespace stillpoint

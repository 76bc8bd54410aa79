// Opening a study, its attributes, and what a worker writes about the trial that it runs.
#include "tasks/search/study.h"

#include <cmath>
#include <ctime>

#include "tasks/search/python_json.h"
#include "tasks/search/schema.h"

namespace stillpoint {

namespace {

// Without regard to the order of keys, as Python compares.
bool same(const Json& a, const Json& b) { return nlohmann::json(a) == nlohmann::json(b); }

std::vector<std::string> study_names(Database& database) {
  std::vector<std::string> names;
  for (const Row& row : database.execute("SELECT study_name FROM studies ORDER BY study_id"))
    names.push_back(text_of(row[0]));
  return names;
}

}  // namespace

Study::Study(std::unique_ptr<Database> database, std::string name, Clock clock)
    : database_(std::move(database)), name_(std::move(name)), clock_(std::move(clock)) {}

Study Study::open_or_create(const std::string& url, const std::string& name, Direction direction,
                            const Json& settings, Clock clock) {
  require(!name.empty() && name.size() <= 512, "study: given a name of ", name.size(),
          " bytes, expected 1 to 512; choose another");
  require(settings.is_object(), "study '", name, "': given settings ", settings.dump(),
          ", expected an object");
  Study study(open_database(url, OpenMode::create), name, std::move(clock));
  auto transaction = Transaction::write(*study.database_);
  make_tables(*study.database_);
  if (!study.find()) study.create(direction);
  study.agree_on(direction, settings);
  transaction.commit();
  return study;
}

Study Study::open(const std::string& url, const std::string& name, Clock clock) {
  Study study(open_database(url, OpenMode::existing), name, std::move(clock));
  auto transaction = Transaction::read(*study.database_);
  check_tables(*study.database_);
  if (!study.find()) {
    std::string known;
    for (const std::string& other : study_names(*study.database_))
      known += (known.empty() ? "" : ", ") + other;
    fail("study '", name, "': not in '", study.database_->name(), "', which holds ",
         known.empty() ? "none" : known, "; check the name");
  }
  transaction.commit();
  return study;
}

std::vector<std::string> Study::names(const std::string& url) {
  const auto database = open_database(url, OpenMode::existing);
  check_tables(*database);
  return study_names(*database);
}

bool Study::find() {
  const Rows found = rows("SELECT study_id FROM studies WHERE study_name = ?", {name_});
  if (found.empty()) return false;
  study_ = integer_of(found[0][0]);
  const Rows directions =
      rows("SELECT direction FROM study_directions WHERE study_id = ? ORDER BY objective", {study_});
  const std::string direction = directions.size() == 1 ? text_of(directions[0][0]) : "";
  require(direction == "MINIMIZE" || direction == "MAXIMIZE", "study '", name_, "': given ",
          directions.size(), " objectives", direction.empty() ? "" : ", " + direction,
          ", expected one to minimize or maximize; use another study");
  direction_ = direction == "MINIMIZE" ? Direction::minimize : Direction::maximize;
  return true;
}

void Study::create(Direction direction) {
  study_ = integer_of(rows("INSERT INTO studies (study_name) VALUES (?) RETURNING study_id", {name_})[0][0]);
  rows("INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, 0)",
       {direction_name(direction), study_});
  direction_ = direction;
}

void Study::agree_on(Direction direction, const Json& settings) {
  require(direction_ == direction, "study '", name_, "': given direction ", direction_name(direction),
          ", expected ", direction_name(direction_), " as it was created; choose another name");
  const Json stored = user_attributes();
  for (const auto& [key, value] : settings.items()) {
    const auto found = stored.find(key);
    if (found == stored.end()) {
      write_attribute("study_user", study_, key, value);
      continue;
    }
    require(same(*found, value), "study '", name_, "': given ", key, " = ", value.dump(), ", expected ",
            found->dump(), " as it was created; choose another name for another search");
  }
}

Rows Study::rows(const std::string& sql, std::vector<Value> parameters) const {
  return database_->execute(sql, parameters);
}

Json Study::attributes(const std::string& whose) const {
  Json found = Json::object();
  for (const Row& row : rows("SELECT \"key\", value_json FROM study_" + whose +
                                 "_attributes WHERE study_id = ? ORDER BY study_" + whose + "_attribute_id",
                             {study_}))
    found[text_of(row[0])] =
        read_python_json(text_of(row[1]), "study '" + name_ + "', attribute '" + text_of(row[0]) + "'");
  return found;
}

void Study::set_attribute(const std::string& table, std::int64_t owner, const std::string& key,
                          const Json& value) {
  auto transaction = Transaction::write(*database_, study_);
  write_attribute(table, owner, key, value);
  transaction.commit();
}

// table: study_user, study_system, trial_user or trial_system
void Study::write_attribute(const std::string& table, std::int64_t owner, const std::string& key,
                            const Json& value) {
  require(!key.empty() && key.size() <= 512, "study '", name_, "': given an attribute's name of ", key.size(),
          " bytes, expected 1 to 512; choose another");
  const std::string id = table.substr(0, table.find('_')) + "_id";
  rows("INSERT INTO " + table + "_attributes (" + id +
           ", \"key\", value_json) VALUES (?, ?, ?) ON CONFLICT (" + id +
           ", \"key\") DO UPDATE SET value_json = excluded.value_json",
       {owner, key, python_json(value)});
}

bool Study::is_running(const Trial& trial) const {
  const Rows found = rows("SELECT state FROM trials WHERE trial_id = ? AND study_id = ?", {trial.id, study_});
  require(!found.empty(), "study '", name_, "': given trial ", trial.number, " with id ", trial.id,
          ", expected one of this study; claim it here");
  return state_named(text_of(found[0][0])) == TrialState::running;
}

bool Study::report(const Trial& trial, Index step, double value) {
  require(step >= 0 && step <= INT32_MAX, "study '", name_, "': given step ", step, ", expected 0 to ",
          INT32_MAX, "; count epochs");
  auto transaction = Transaction::write(*database_, study_);
  if (!is_running(trial)) return false;
  insert_intermediate_value(trial.id, step, value);
  beat(trial.id);
  transaction.commit();
  return true;
}

void Study::insert_intermediate_value(std::int64_t trial, Index step, double value) {
  const auto [number, kind] = number_columns(value);
  rows(
      "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
      "VALUES (?, ?, ?, ?) "
      "ON CONFLICT (trial_id, step) DO UPDATE SET intermediate_value = excluded.intermediate_value, "
      "intermediate_value_type = excluded.intermediate_value_type",
      {trial, step, number, kind});
}

bool Study::record_heartbeat(const Trial& trial) {
  auto transaction = Transaction::write(*database_, study_);
  if (!is_running(trial)) return false;
  beat(trial.id);
  transaction.commit();
  return true;
}

void Study::beat(std::int64_t trial) {
  rows("INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES (?, " + database_->dialect().now +
           ") ON CONFLICT (trial_id) DO UPDATE SET heartbeat = excluded.heartbeat",
       {trial});
}

bool Study::set_user_attribute(const Trial& trial, const std::string& key, const Json& value) {
  auto transaction = Transaction::write(*database_, study_);
  if (!is_running(trial)) return false;
  write_attribute("trial_user", trial.id, key, value);
  transaction.commit();
  return true;
}

bool Study::finish(const Trial& trial, TrialState state, std::optional<double> value) {
  const bool finished =
      state == TrialState::complete || state == TrialState::pruned || state == TrialState::fail;
  require(finished, "study '", name_, "': given the end ", state_name(state),
          ", expected COMPLETE, PRUNED or FAIL");
  require(state != TrialState::complete || (value && !std::isnan(*value)), "study '", name_,
          "': given trial ", trial.number, " COMPLETE with ", value ? "NaN" : "no value",
          ", expected a number; finish it as FAIL");
  auto transaction = Transaction::write(*database_, study_);
  if (!is_running(trial)) return false;
  if (value && !std::isnan(*value) && state != TrialState::fail) {
    const auto [number, kind] = number_columns(*value);
    rows("INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, 0, ?, ?)",
         {trial.id, number, kind});
  }
  if (!end(trial.id, state)) return false;
  transaction.commit();
  return true;
}

// Conditions, since Optuna changes states under a lock of the trial alone on PostgreSQL.
bool Study::start(std::int64_t trial) {
  if (rows("UPDATE trials SET state = 'RUNNING', datetime_start = ? WHERE trial_id = ? AND state = 'WAITING' "
           "RETURNING trial_id",
           {now(), trial})
          .empty())
    return false;
  beat(trial);
  return true;
}

bool Study::end(std::int64_t trial, TrialState state) {
  return !rows(
              "UPDATE trials SET state = ?, datetime_complete = ? WHERE trial_id = ? AND state = 'RUNNING' "
              "RETURNING trial_id",
              {state_name(state), now(), trial})
              .empty();
}

std::string Study::now() const {
  const auto since =
      std::chrono::duration_cast<std::chrono::microseconds>(clock_().time_since_epoch()).count();
  const std::time_t seconds = std::time_t(since / 1000000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char day[32], out[48];
  std::strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &parts);
  std::snprintf(out, sizeof out, "%s.%06d", day, int(since % 1000000));
  return out;
}

}  // namespace stillpoint

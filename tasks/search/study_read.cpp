// Reading a study back, whoever has written it.
#include <unordered_map>

#include "tasks/search/python_json.h"
#include "tasks/search/schema.h"
#include "tasks/search/study.h"

namespace stillpoint {

namespace {

void add_parameter(Trial& trial, const Row& row) {
  const std::string& name = text_of(row[1]);
  trial.parameters.push_back({name, read_distribution(text_of(row[3]), name), real_of(row[2])});
}
void add_value(Trial& trial, const Row& row) { trial.value = number_from(row[1], text_of(row[2])); }
void add_intermediate_value(Trial& trial, const Row& row) {
  trial.intermediate_values[integer_of(row[1])] = number_from(row[2], text_of(row[3]));
}
Json attribute_of(const Trial& trial, const Row& row) {
  return read_python_json(text_of(row[2]),
                          text("trial ", trial.number, ", attribute '", text_of(row[1]), "'"));
}
void add_user_attribute(Trial& trial, const Row& row) {
  trial.user_attributes[text_of(row[1])] = attribute_of(trial, row);
}
void add_system_attribute(Trial& trial, const Row& row) {
  trial.system_attributes[text_of(row[1])] = attribute_of(trial, row);
}

// What hangs on trials: a table, its columns after trial_id, the column that orders it, and where a row of it
// goes.
struct Part {
  const char *table, *columns, *order;
  void (*add)(Trial&, const Row&);
};

constexpr Part parts[]{
    {"trial_params", "p.param_name, p.param_value, p.distribution_json", "p.param_id", add_parameter},
    {"trial_values", "p.value, p.value_type", "p.objective", add_value},
    {"trial_intermediate_values", "p.step, p.intermediate_value, p.intermediate_value_type", "p.step",
     add_intermediate_value},
    {"trial_user_attributes", "p.\"key\", p.value_json", "p.trial_user_attribute_id", add_user_attribute},
    {"trial_system_attributes", "p.\"key\", p.value_json", "p.trial_system_attribute_id",
     add_system_attribute},
};

std::string text_or_empty(const Value& value) { return is_null(value) ? "" : text_of(value); }

}  // namespace

std::vector<Trial> Study::trials() const { return read_trials(); }

std::vector<Trial> Study::read_trials(std::optional<std::int64_t> id) const {
  auto transaction = Transaction::read(*database_);
  std::vector<Value> which{study_};
  if (id) which.emplace_back(*id);
  const std::string filter = std::string(" WHERE t.study_id = ?") + (id ? " AND t.trial_id = ?" : "");
  std::vector<Trial> trials;
  std::unordered_map<std::int64_t, std::size_t> place;
  for (const Row& row :
       rows("SELECT trial_id, number, state, datetime_start, datetime_complete FROM trials t" + filter +
                " ORDER BY t.number",
            which)) {
    place[integer_of(row[0])] = trials.size();
    Trial& trial = trials.emplace_back();
    trial.id = integer_of(row[0]);
    trial.number = integer_of(row[1]);
    trial.state = state_named(text_of(row[2]));
    trial.started = text_or_empty(row[3]);
    trial.ended = text_or_empty(row[4]);
  }
  for (const Part& part : parts)
    for (const Row& row :
         rows(text("SELECT p.trial_id, ", part.columns, " FROM ", part.table,
                   " p JOIN trials t ON t.trial_id = p.trial_id", filter, " ORDER BY ", part.order),
              which))
      part.add(trials[place.at(integer_of(row[0]))], row);
  transaction.commit();
  return trials;
}

std::map<Index, double> Study::intermediate_values_at(Index step) const {
  auto transaction = Transaction::read(*database_);
  const std::set<Index> retried = retried_numbers();
  std::map<Index, double> values;
  for (const Row& row :
       rows("SELECT t.number, v.intermediate_value, v.intermediate_value_type FROM trials t "
            "JOIN trial_intermediate_values v ON v.trial_id = t.trial_id WHERE t.study_id = ? AND v.step = ?",
            {study_, step}))
    if (!retried.contains(integer_of(row[0])))
      values[integer_of(row[0])] = number_from(row[1], text_of(row[2]));
  transaction.commit();
  return values;
}

std::optional<Trial> Study::best_trial() const {
  std::optional<Trial> best;
  for (Trial& trial : read_trials()) {
    if (trial.state != TrialState::complete || !trial.value) continue;
    const bool better = !best || (direction_ == Direction::minimize ? *trial.value < *best->value
                                                                    : *trial.value > *best->value);
    if (better) best = std::move(trial);
  }
  return best;
}

}  // namespace stillpoint

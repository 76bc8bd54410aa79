// A trial of a study: what was tried, how far it came and how it ended.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kernels/array.h"
#include "tasks/search/distribution.h"

namespace stillpoint {

enum class TrialState { running, complete, pruned, fail, waiting };
enum class Direction { minimize, maximize };

struct Parameter {
  std::string name;
  Distribution distribution;
  double stored = 0;  // the number itself, or the place among the choices
  Json value() const { return external_value(distribution, stored); }
};

struct Trial {
  std::int64_t id = 0;  // in the database; unique among all studies there
  Index number = 0;     // in the study, from 0
  TrialState state = TrialState::running;
  std::vector<Parameter> parameters;
  std::optional<double> value;
  std::map<Index, double> intermediate_values;  // by step
  Json user_attributes = Json::object(), system_attributes = Json::object();
  std::string started, ended;  // UTC, YYYY-MM-DD HH:MM:SS.ffffff; empty: not yet

  // The number of the trial that this one, directly or not, retries.
  std::optional<Index> retry_of() const;
};

std::string state_name(TrialState state);  // as Optuna writes it: RUNNING, COMPLETE, PRUNED, FAIL, WAITING
TrialState state_named(const std::string& name);
std::string direction_name(Direction direction);

}  // namespace stillpoint

// Search spaces: which settings a search draws, from what, and how long a trial may take. Shipped as
// spaces/TASK-MODEL.json with the intervals of the SIM paper (appendix B).
#pragma once
#include <string>
#include <vector>

#include "tasks/search/asha.h"

namespace stillpoint {

struct SearchSpace {
  std::string metric;  // of the validation set
  Direction direction = Direction::minimize;
  Index trials = 1;                // unless told otherwise
  Asha asha;                       // in evaluations
  Json settings = Json::object();  // fixed in every trial
  struct Draw {
    std::string name;  // of a setting
    Distribution distribution;
  };
  std::vector<Draw> draws;

  // A function of seed and number alone, whichever worker draws: intervals of logarithms and choices
  // uniformly.
  std::vector<Parameter> draw(std::uint64_t seed, Index number) const;
};

// Keys: metric, direction (minimize, maximize), trials, grace, reduction, most, settings {..} and draws,
// {SETTING:
// {"uniform": [low, high]}, {"log_uniform": [low, high]} or {"choice": [..]}}. Error where one is missing,
// unknown or of another type, naming `source`.
SearchSpace read_space(const Json& json, const std::string& source);
// The shipped one of this name, TASK-MODEL; Error with the names that there are.
SearchSpace load_space(const std::string& name);

// The settings of a trial.
Json settings_of(const std::vector<Parameter>& parameters);

}  // namespace stillpoint

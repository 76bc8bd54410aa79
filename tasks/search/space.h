// A search space says which settings a search draws, from which values, and how long a trial may take. The
// shipped ones, spaces/TASK-MODEL.json, have the intervals of the SIM paper (appendix B).
#pragma once
#include <string>

#include "engine/config.h"
#include "kernels/device/array.h"

namespace stillpoint {

struct SearchSpace {
  std::string metric;              // of the validation set
  std::string direction;           // minimize or maximize
  Index trials = 1;                // default for the whole study
  Index grace = 1;                 // evaluations before a trial may be stopped: the first rung
  Index reduction = 2;             // each rung has this many times the evaluations of the one before
  Index most = 1;                  // evaluations after which every trial ends
  Json settings = Json::object();  // fixed in every trial
  Json draws = Json::object();     // as in the file

  // Throws Error if grace or most is below 1, grace is above most, or reduction is below 2.
  void check_rungs() const;
  // Returns the low end of every interval and the first value of every choice.
  Json first_draw() const;
};

// Keys: metric, direction (minimize, maximize), trials, grace, reduction, most, settings {..} and draws,
// {SETTING: {"uniform": [low, high]}, {"log_uniform": [low, high]} or {"choice": [..]}}. Throws Error, which
// names `source`, if a key is missing, unknown or of another type.
SearchSpace read_space(const Json& json, const std::string& source);
// Returns the shipped space of this name, TASK-MODEL. Throws Error, with the known names, if there is none.
SearchSpace load_space(const std::string& name);

}  // namespace stillpoint

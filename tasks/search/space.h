// Search spaces: which settings a search draws, from what, and how long a trial may take. Shipped as
// spaces/TASK-MODEL.json with the intervals of the SIM paper (appendix B).
#pragma once
#include <string>

#include "engine/config.h"
#include "kernels/device/array.h"

namespace stillpoint {

struct SearchSpace {
  std::string metric;              // of the validation set
  std::string direction;           // minimize or maximize
  Index trials = 1;                // unless told otherwise
  Index grace = 1;                 // evaluations before a trial may be stopped: the first rung
  Index reduction = 2;             // a rung is so many times as far as the one before it
  Index most = 1;                  // evaluations after which every trial ends
  Json settings = Json::object();  // fixed in every trial
  Json draws = Json::object();     // as in the file

  // Error where grace or most is below 1, grace above most or reduction below 2.
  void check_rungs() const;
  // The low end of every interval and the first of every choice.
  Json first_draw() const;
};

// Keys: metric, direction (minimize, maximize), trials, grace, reduction, most, settings {..} and draws,
// {SETTING: {"uniform": [low, high]}, {"log_uniform": [low, high]} or {"choice": [..]}}. Error where one is
// missing, unknown or of another type, naming `source`.
SearchSpace read_space(const Json& json, const std::string& source);
// The shipped one of this name, TASK-MODEL; Error with the names that there are.
SearchSpace load_space(const std::string& name);

}  // namespace stillpoint

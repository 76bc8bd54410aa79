// Asynchronous successive halving (Li et al., "A system for massively parallel hyperparameter tuning", MLSys
// 2020), in the form that stops trials: a trial that reaches a rung goes on only if its value there is among
// the best 1 / reduction of those that reached it before.
#pragma once
#include <vector>

#include "tasks/search/trial.h"

namespace stillpoint {

struct Asha {
  Index grace = 1;      // evaluations before a trial may be stopped: the first rung
  Index reduction = 2;  // a rung is so many times as far as the one before it
  Index most = 1;       // evaluations after which every trial ends

  // Error where grace or most is below 1, grace above most or reduction below 2.
  void check() const;
  // grace, grace reduction, grace reduction^2, ... below most.
  std::vector<Index> rungs() const;
};

// `others`: values of the trials that reached the rung before; those that are not numbers do not count. The
// first to come goes on, whatever its value; a value that is not a number never does. The limit is the (1 - 1
// / reduction) quantile of the others, between neighbours by linear interpolation.
bool goes_on(double value, std::vector<double> others, Index reduction, Direction direction);

}  // namespace stillpoint

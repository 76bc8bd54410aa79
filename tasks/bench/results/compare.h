// Compares a run with an older one.
#pragma once
#include <ostream>

#include "tasks/bench/results/row.h"

namespace stillpoint::bench {

// Prints each row that both runs hold, its old and new median and their ratio, and whether the change is
// beyond noise: the medians of the rounds of the two runs do not overlap. Returns whether no row is slower by
// more than `worse` (0.1: a tenth) beyond noise. Throws Error if no row is in both.
bool compare(std::ostream& out, const Document& old, const Document& now, double worse);

}  // namespace stillpoint::bench

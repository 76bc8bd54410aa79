// What a search found.
#pragma once
#include <ostream>

#include "tasks/search/worker.h"

namespace stillpoint {

// What the search found: how many trials ended how, the best one, and the command that trains with its
// settings, which are written to best.json in the plan's folder. False where no trial is complete.
bool summarise(const SearchPlan& plan, std::ostream& out);

}  // namespace stillpoint

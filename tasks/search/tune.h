// stillpoint tune: a search from its flags to its best settings.
#pragma once
#include <ostream>

#include "tasks/search/worker.h"

namespace stillpoint {

// What the search found: how many trials ended how, the best one, and the command that trains with its
// settings on training and validation images together where the task can. The settings are written to
// FOLDER/best.json.
void summarise(const SearchPlan& plan, const std::filesystem::path& folder, std::ostream& out);

}  // namespace stillpoint

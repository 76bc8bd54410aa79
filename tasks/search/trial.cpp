// Names of states and directions.
#include "tasks/search/trial.h"

#include <array>

#include "kernels/error.h"

namespace stillpoint {

static constexpr std::array<const char*, 5> state_names{"RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"};

std::string state_name(TrialState state) { return state_names[std::size_t(state)]; }

TrialState state_named(const std::string& name) {
  for (std::size_t i = 0; i < state_names.size(); ++i)
    if (name == state_names[i]) return TrialState(i);
  fail("study: given a trial in state '", name,
       "', expected RUNNING, COMPLETE, PRUNED, FAIL or WAITING; restore it from a copy");
}

std::string direction_name(Direction direction) {
  return direction == Direction::minimize ? "MINIMIZE" : "MAXIMIZE";
}

std::optional<Index> Trial::retry_of() const {
  const auto found = system_attributes.find("failed_trial");
  if (found == system_attributes.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<Index>();
}

}  // namespace stillpoint

// Keeps the plans in a list under a lock.
#include "kernels/device/library_plans.h"

#include <algorithm>
#include <mutex>

#include "kernels/device/error.h"

namespace stillpoint::kernels {
namespace {

std::mutex mutex;

std::vector<LibraryPlan>& plans() {
  static auto* const kept = new std::vector<LibraryPlan>;  // never destroyed: plans are made until exit
  return *kept;
}

}  // namespace

void keep_plan(const LibraryPlan& plan) {
  const std::lock_guard lock(mutex);
  const auto is_same = [&](const LibraryPlan& p) { return p.library == plan.library && p.work == plan.work; };
  if (std::none_of(plans().begin(), plans().end(), is_same)) plans().push_back(plan);
}

std::vector<LibraryPlan> kept_plans() {
  const std::lock_guard lock(mutex);
  return plans();
}

std::string describe(const LibraryPlan& plan) {
  if (!plan.found) return text(plan.library, ", ", plan.work, ": not found");
  return text(plan.library, ", ", plan.work, plan.algorithm.empty() ? "" : ": algorithm " + plan.algorithm,
              plan.math.empty() ? "" : ", " + plan.math,
              plan.workspace_bytes > 0 ? text(", workspace ", plan.workspace_bytes, " B") : "");
}

}  // namespace stillpoint::kernels

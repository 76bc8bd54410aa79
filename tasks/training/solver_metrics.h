// Turns the reports of a training step's solvers into metrics.
#pragma once
#include <memory>

#include "solvers/fixed_point/fixed_point.h"
#include "tasks/training/task.h"

namespace stillpoint {

// Returns steps, largest residual and share of converged samples of the forward and, unless null, the adjoint
// solve, and the total of their evaluations. Waits for the device.
Metrics solver_metrics(const PendingReport& forward, const std::shared_ptr<PendingReport>& adjoint);

}  // namespace stillpoint

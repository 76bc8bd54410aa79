// Turns the reports of a training step's solvers into metrics.
#pragma once
#include <functional>

#include "models/model_family.h"

namespace stillpoint {

// Returns a function that reads what the model's solvers did in the latest step: steps, largest residual and
// share of converged samples of the forward and, unless null, the adjoint solve, the total of their
// evaluations, and the settings that change. It waits for the device. Empty if the model has no solvers.
std::function<Metrics()> solver_metrics(const Model& model);

}  // namespace stillpoint

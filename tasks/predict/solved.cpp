// Reads the report of a solve.
#include "tasks/predict/solved.h"

#include <cmath>

namespace stillpoint {

Solved solved(Model& model, const Tensor& x) {
  const Recording off(false);
  if (!model.facts().solves) return {model(x), {}, {}};
  const Model::Value value = model.train(x, {});
  const std::optional<SolverReports> reports = model.reports();
  const SolveReport report = reports->forward.read();
  Solved found{value.y, reports->z, report.samples};
  // A solve of a fixed number of steps judges no sample, and that of a monDEQ the batch as one.
  if (Index(found.samples.size()) != x.dim(0)) {
    const SampleReport unjudged{SampleStatus::running, report.steps, std::nan("")};
    found.samples.assign(std::size_t(x.dim(0)), report.samples.empty() ? unjudged : report.samples[0]);
  }
  return found;
}

}  // namespace stillpoint

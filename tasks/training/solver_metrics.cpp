// Turns reports of solvers into metrics.
#include "tasks/training/solver_metrics.h"

namespace stillpoint {
namespace {

// Adds the metrics of one report. Returns its evaluations.
Index add_report(const std::string& name, const SolveReport& report, Metrics& metrics) {
  metrics.emplace_back(name + "_steps", double(report.steps));
  if (report.samples.empty()) return report.steps;
  metrics.emplace_back(name + "_residual", report.residual);
  Index converged = 0;
  for (const SampleReport& sample : report.samples) converged += sample.status == SampleStatus::converged;
  metrics.emplace_back(name + "_converged", double(converged) / double(report.samples.size()));
  return report.steps;
}

}  // namespace

Metrics solver_metrics(const PendingReport& forward, const std::shared_ptr<PendingReport>& adjoint) {
  Metrics metrics;
  Index evaluations = add_report("forward", forward.read(), metrics);
  if (adjoint != nullptr) evaluations += add_report("adjoint", adjoint->read(), metrics);
  metrics.emplace_back("evaluations", double(evaluations));
  return metrics;
}

}  // namespace stillpoint

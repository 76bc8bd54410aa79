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

Metrics metrics_of(const SolverReports& reports) {
  Metrics metrics;
  Index evaluations = add_report("forward", reports.forward.read(), metrics);
  if (reports.adjoint != nullptr) evaluations += add_report("adjoint", reports.adjoint->read(), metrics);
  metrics.emplace_back("evaluations", double(evaluations));
  metrics.insert(metrics.end(), reports.settings.begin(), reports.settings.end());
  return metrics;
}

}  // namespace

std::function<Metrics()> solver_metrics(const Model& model) {
  const std::optional<SolverReports> reports = model.reports();
  if (!reports) return {};
  return [reports = *reports] { return metrics_of(reports); };
}

}  // namespace stillpoint

// Op table, first steps, timings.
#include "tasks/selftest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iomanip>

#include "engine/cases/op_check.h"
#include "tasks/selftest_models.h"
#include "tasks/training_step.h"

namespace stillpoint {
namespace {

class Report {
 public:
  explicit Report(std::ostream& out) : out_(out) {}
  void check(const std::string& what, bool passed, const std::string& details) {
    out_ << (passed ? "ok    " : "FAIL  ") << what << (details.empty() ? "" : ": " + details) << std::endl;
    failures_ += passed ? 0 : 1;
  }
  int failures() const { return failures_; }

 private:
  std::ostream& out_;
  int failures_ = 0;
};

// One line per op; its largest error as a fraction of what is allowed.
void check_ops(Device device, Report& report) {
  for (const OpCase& c : op_cases()) {
    double worst = 0;
    std::string where;
    for (const auto& list : {check_values(c, device), check_gradients(c, device)})
      for (const OpCheck& check : list) {
        const double fraction = check.error / check.allowed;
        if (fraction <= worst || std::isnan(worst)) continue;  // NaN is worse than any number
        worst = fraction;
        where = check.what;
      }
    std::ostringstream details;
    details << std::setprecision(2) << worst << " of the allowed error" << (worst <= 1 ? "" : " in " + where);
    report.check("op " + c.name, worst <= 1, details.str());
  }
}

double largest_relative_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]) / std::max(std::abs(b[i]), 1e-12);
    if (!(difference <= most || std::isnan(most))) most = difference;
  }
  return most;
}

void check_models(Device device, Report& report) {
  constexpr Index steps = 8;
  constexpr double allowed = 2e-4;  // float32 rounding, grown over the steps
  const SelftestFiles files(32, 30);
  for (const SelftestModel& c : selftest_models()) {
    const TaskKind& kind = task_kind(c.task);
    const Json config = small_config(c, files);
    const FirstSteps here = first_steps(kind, config, device, steps);
    const FirstSteps reference =
        device == Device::cpu
            ? first_steps(kind, kind.resolve({{config, "selftest"}, {{{"dtype", "float64"}}, "selftest"}}),
                          Device::cpu, steps)
            : first_steps(kind, config, Device::cpu, steps);
    const double difference = largest_relative_difference(here.losses, reference.losses);
    report.check(
        text("model ", c.task, " ", c.model), difference <= allowed,
        text(steps, " losses within ", difference, " of ", device == Device::cpu ? "float64" : "the CPU's"));
    if (device == Device::cpu || !c.recorded) continue;
    const FirstSteps plain = first_steps(kind, config, device, steps, false);
    report.check(text("graph ", c.task, " ", c.model),
                 here.replays > 0 && plain.losses == here.losses && plain.grad_norms == here.grad_norms,
                 text(here.replays, " replayed steps, ",
                      plain.losses == here.losses ? "equal to" : "not equal to", " unrecorded ones"));
  }
}

void time_models(Device device, std::ostream& out) {
  const SelftestFiles files(512, 160);
  for (const SelftestModel& c : selftest_models()) {
    const Index steps = device == Device::cpu ? c.timed_on_cpu : 100;
    const FirstSteps run = first_steps(task_kind(c.task), full_config(c, files), device, steps);
    out << "time  " << c.task << " " << c.model << ", " << c.batch << ": " << std::fixed
        << std::setprecision(3) << run.milliseconds << " ms a step" << std::defaultfloat << std::endl;
  }
}

}  // namespace

FirstSteps first_steps(const TaskKind& kind, const Json& config, Device device, Index steps, bool recorded,
                       kernels::Communicator& group) {
  using Clock = std::chrono::steady_clock;
  const TrainConfig train = kind.train_config(config);
  const std::unique_ptr<Task> task = kind.make(config, device);
  const ParamList params = task->params();
  Optimiser optimiser(params, optimiser_config(train));
  TrainingStep step(*task, optimiser, params,
                    {.device = device, .recorded = recorded, .last_step = steps - 1, .group = &group});
  FirstSteps run;
  std::vector<double> times;
  for (Index i = 0; i < steps; ++i) {
    const auto start = Clock::now();
    const TrainingStep::Result result = step.run(i, train.lr);
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    run.losses.push_back(result.loss);
    run.grad_norms.push_back(result.grad_norm);
  }
  run.replays = step.replays();
  const auto first = times.begin() + std::min<Index>(3, steps - 1);
  std::nth_element(first, first + (times.end() - first) / 2, times.end());
  run.milliseconds = *(first + (times.end() - first) / 2);
  return run;
}

bool selftest(Device device, bool timing, std::ostream& out) {
  Report report(out);
  check_ops(device, report);
  check_models(device, report);
  if (timing) time_models(device, out);
  if (report.failures() == 0)
    out << "all checks passed on " << name_of(device) << std::endl;
  else
    out << report.failures() << " checks failed on " << name_of(device) << std::endl;
  return report.failures() == 0;
}

}  // namespace stillpoint

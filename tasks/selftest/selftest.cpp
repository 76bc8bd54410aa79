// Runs the checks of the op table, of first steps, and the timings.
#include "tasks/selftest/selftest.h"

#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iomanip>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/cases/op_check.h"
#include "kernels/device/library_plans.h"
#include "tasks/io/numbers.h"
#include "tasks/process/clock.h"
#include "tasks/selftest/selftest_models.h"
#include "tasks/training/training_step.h"

namespace stillpoint {
namespace {

using kernels::Precision;

struct Outcome {
  bool passed;
  std::string details;
};

bool matches(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), FNM_EXTMATCH) == 0;
}

template <class F>
Outcome guarded(const F& run) {
  try {
    return run();
  } catch (const std::exception& e) {
    return {false, e.what()};
  }
}

class Report {
 public:
  Report(const SelftestRequest& request, std::ostream& out) : request_(request), out_(out) {}

  // An exception fails only the check that throws it.
  void check(const std::string& what, const std::function<Outcome()>& run) {
    if (!matches(request_.only, what)) return;
    const Outcome outcome = guarded([&] { return run(); });
    failures_ += outcome.passed ? 0 : 1;
    print(what, outcome, {{"check", what}, {"passed", outcome.passed}, {"details", outcome.details}});
  }

  // `run` returns milliseconds.
  void time(const std::string& what, const std::function<double()>& run) {
    if (!matches(request_.only, what)) return;
    double ms = std::numeric_limits<double>::quiet_NaN();
    const Outcome outcome = guarded([&] {
      ms = run();
      return Outcome{true, format_fixed(ms, 3) + " ms a step"};
    });
    failures_ += outcome.passed ? 0 : 1;
    print(what, outcome,
          {{"time", what}, {"passed", outcome.passed}, {"ms", ms}, {"details", outcome.details}});
  }

  // Returns whether all passed.
  bool end() {
    require(done_ > 0, "selftest: given --only ", request_.only,
            ", expected a pattern of a check such as 'op *' or 'model ", task_kinds()[0]->name(),
            " *', run selftest without it to see their names");
    const std::string precision = kernels::name_of(request_.precision);
    const std::string where = text(" on ", name_of(request_.device),
                                   request_.precision == Precision::float32 ? "" : " in " + precision);
    if (request_.json)
      out_ << Json{{"checks", done_},
                   {"failed", failures_},
                   {"device", name_of(request_.device)},
                   {"precision", precision}}
           << std::endl;
    else
      out_ << (failures_ == 0 ? "all checks passed" : text(failures_, " checks failed")) << where
           << std::endl;
    return failures_ == 0;
  }

 private:
  const SelftestRequest& request_;
  std::ostream& out_;
  int failures_ = 0, done_ = 0;

  void print(const std::string& what, const Outcome& outcome, const Json& object) {
    ++done_;
    if (request_.json)
      out_ << object << std::endl;
    else
      out_ << (outcome.passed ? object.contains("time") ? "time  " : "ok    " : "FAIL  ") << what
           << (outcome.details.empty() ? "" : ": " + outcome.details) << std::endl;
  }
};

// Returns the largest error as a fraction of what is allowed.
Outcome judge(const std::vector<OpCheck>& checks) {
  double worst = 0;
  std::string where;
  for (const OpCheck& check : checks) {
    const double fraction = check.error / check.allowed;
    if (fraction <= worst || std::isnan(worst)) continue;  // NaN is worse than any number
    worst = fraction;
    where = check.what;
  }
  std::ostringstream details;
  details << std::setprecision(2) << worst << " of the allowed error" << (worst <= 1 ? "" : " in " + where);
  return {worst <= 1, details.str()};
}

void check_ops(const SelftestRequest& request, Report& report) {
  for (const OpCase& c : op_cases()) {
    report.check("op " + c.name, [&] {
      std::vector<OpCheck> checks = check_values(c, request.device, request.precision);
      for (const OpCheck& check : check_gradients(c, request.device, request.precision))
        checks.push_back(check);
      for (const OpCheck& check : check_extremes(c, request.device)) checks.push_back(check);
      return judge(checks);
    });
    report.check("nan " + c.name, [&] {
      for (const OpCheck& check : check_nan(c, request.device))
        if (!check.passed()) return Outcome{false, text(check.error, " places lack it with ", check.what)};
      return Outcome{true, "stays a NaN"};
    });
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

// Bounds the rounding of eight steps: of a GPU against the CPU in float32, else of rounded products.
double allowed_difference(Precision precision) {
  switch (precision) {
    case Precision::tf32:
      return 1e-2;
    case Precision::bf16:
      return 5e-2;
    case Precision::float32:
      break;
  }
  return 2e-4;
}

void check_models(const SelftestRequest& request, Report& report) {
  constexpr Index steps = 8;
  const Device device = request.device;
  const SelftestFiles files(32, 30);
  for (const SelftestModel& c : selftest_models(files)) {
    const TaskKind& kind = *c.kind;
    const Json config = c.small_config();
    std::optional<FirstSteps> taken;
    const auto here = [&]() -> const FirstSteps& {
      const kernels::ScopedPrecision scope(request.precision);
      if (!taken) taken = first_steps(kind, config, device, steps);
      return *taken;
    };
    report.check(text("model ", c.name()), [&] {
      const Json exact = kind.resolve({{config, "selftest"}, {{{"dtype", "float64"}}, "selftest"}});
      const FirstSteps reference =
          first_steps(kind, device == Device::cpu ? exact : config, Device::cpu, steps);
      const double difference = largest_relative_difference(here().losses, reference.losses);
      return Outcome{difference <= allowed_difference(request.precision),
                     text(steps, " losses within ", difference, " of ",
                          device == Device::cpu ? "float64" : "the CPU's")};
    });
    if (device == Device::cpu || !kind.make(config, Device::cpu)->facts().recordable) continue;
    report.check(text("graph ", c.name()), [&] {
      const FirstSteps& recorded = here();
      const kernels::ScopedPrecision scope(request.precision);
      const FirstSteps plain = first_steps(kind, config, device, steps, false);
      const bool equal = plain.losses == recorded.losses && plain.grad_norms == recorded.grad_norms;
      return Outcome{recorded.replays > 0 && equal, text(recorded.replays, " replayed steps, ",
                                                         equal ? "" : "not ", "equal to unrecorded ones")};
    });
  }
}

void time_models(const SelftestRequest& request, Report& report) {
  const kernels::ScopedPrecision scope(request.precision);
  const SelftestFiles files(512, 160);
  for (const SelftestModel& c : selftest_models(files))
    report.time(text(c.name(), ", ", c.row.batch), [&] {
      const Index steps = request.device == Device::cpu ? c.row.steps_on_cpu : 100;
      return first_steps(*c.kind, c.full_config(), request.device, steps).milliseconds;
    });
}

}  // namespace

FirstSteps first_steps(const TaskKind& kind, const Json& config, Device device, Index steps, bool recorded,
                       kernels::Communicator& group) {
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
    times.push_back(1e3 * seconds_since(start));
    run.losses.push_back(result.loss);
    run.grad_norms.push_back(result.grad_norm);
  }
  run.replays = step.replays();
  const auto first = times.begin() + std::min<Index>(3, steps - 1);
  std::nth_element(first, first + (times.end() - first) / 2, times.end());
  run.milliseconds = *(first + (times.end() - first) / 2);
  return run;
}

bool selftest(const SelftestRequest& request, std::ostream& out) {
  Report report(request, out);
  check_ops(request, report);
  check_models(request, report);
  if (request.timing) time_models(request, report);
  return report.end();
}

bool print_plans(const PlansRequest& request, std::ostream& out) {
  const kernels::ScopedPrecision scope(request.precision);
  const SelftestFiles files(512, 160);
  std::size_t models = 0, failures = 0, printed = 0;
  for (const SelftestModel& c : selftest_models(files)) {
    if (!matches(request.only, c.name())) continue;
    ++models;
    const Outcome outcome = guarded([&] {
      std::vector<SettingsLayer> layers = {{c.full_config(), "info"}};
      for (const std::string& assignment : request.assignments) layers.push_back(set_layer(assignment));
      first_steps(*c.kind, c.kind->resolve(layers), Device::cuda, 1);
      return Outcome{true, {}};
    });
    const std::vector<kernels::LibraryPlan> plans = kernels::kept_plans();
    for (; printed < plans.size(); ++printed)
      out << c.name() << ": " << describe(plans[printed]) << std::endl;
    if (!outcome.passed) ++failures, out << "FAIL  " << c.name() << ": " << outcome.details << std::endl;
  }
  require(models > 0, "info: given --only ", request.only, ", expected a pattern of a model such as '",
          task_kinds()[0]->name(), " *', run info --plans without it to see their names");
  return failures == 0;
}

}  // namespace stillpoint

// Op table, first steps, timings.
#include "tasks/selftest.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <iomanip>

#include "engine/cases/op_check.h"
#include "engine/files.h"
#include "tasks/io/image.h"
#include "tasks/training_step.h"

namespace stillpoint {
namespace {

// A picture with edges and slopes, in a file of its own as long as this lives.
class TestPicture {
 public:
  explicit TestPicture(int side) {
    Image image{side, side, 3, {}};
    for (int row = 0; row < side; ++row)
      for (int column = 0; column < side; ++column) {
        image.rgb.push_back(std::uint8_t(255 * row / side));
        image.rgb.push_back(std::uint8_t((row / 8 + column / 8) % 2 * 200));
        image.rgb.push_back(std::uint8_t(255 * column / side));
      }
    write_png(folder_.path() / "picture.png", image);
  }
  std::string path() const { return (folder_.path() / "picture.png").string(); }

 private:
  TemporaryFolder folder_;
};

struct ModelCase {
  const char *task, *model;
};
constexpr ModelCase models[] = {{"copy-memory", "single"},      {"copy-memory", "two"},      {"copy-memory", "tcn"},
                                {"copy-memory", "deq"},
                                {"image-regression", "single"}, {"image-regression", "two"}, {"image-regression", "rff"}};

// Small sizes where `small`, else the task's own, which are the paper's.
Json config_of(const ModelCase& c, const std::string& picture, bool small) {
  const bool image = std::string(c.task) == "image-regression";
  Json settings = {{"model", c.model}};
  if (image) settings["image"] = picture;
  if (small && image) settings.update({{"phi_hidden", 24}, {"d_phi", 20}, {"d_psi", 80}, {"hidden", 24}});
  if (small && !image) settings.update({{"blank", 30}, {"tcn_blocks", 4}, {"batch", 3}});
  // Longer solves amplify rounding: what Broyden's method has seen decides where it goes next.
  if (small && !image) settings.update({{"solver_steps", 6}, {"adjoint_steps", 6}});
  if (!image) settings.update({{"train_sequences", 20}, {"valid_sequences", 1}, {"test_sequences", 1}});
  return task_kind(c.task).resolve({{settings, "selftest"}});
}

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
  const TestPicture picture(32);
  for (const ModelCase& c : models) {
    const TaskKind& kind = task_kind(c.task);
    const Json config = config_of(c, picture.path(), true);
    const FirstSteps here = first_steps(kind, config, device, steps);
    const FirstSteps reference = device == Device::cpu
                                     ? first_steps(kind, kind.resolve({{config, "selftest"},
                                                                       {{{"dtype", "float64"}}, "selftest"}}),
                                                   Device::cpu, steps)
                                     : first_steps(kind, config, Device::cpu, steps);
    const double difference = largest_relative_difference(here.losses, reference.losses);
    report.check(text("model ", c.task, " ", c.model), difference <= allowed,
                 text(steps, " losses within ", difference, " of ",
                      device == Device::cpu ? "float64" : "the CPU's"));
    if (device == Device::cpu) continue;
    const FirstSteps plain = first_steps(kind, config, device, steps, false);
    report.check(text("graph ", c.task, " ", c.model),
                 here.replays > 0 && plain.losses == here.losses && plain.grad_norms == here.grad_norms,
                 text(here.replays, " replayed steps, ",
                      plain.losses == here.losses ? "equal to" : "not equal to", " unrecorded ones"));
  }
}

void time_models(Device device, std::ostream& out) {
  const TestPicture picture(512);
  for (const ModelCase& c : models) {
    const bool image = std::string(c.task) == "image-regression";
    const Index steps = image && device == Device::cpu ? 5 : 100;
    const FirstSteps run = first_steps(task_kind(c.task), config_of(c, picture.path(), false), device, steps);
    out << "time  " << c.task << " " << c.model << (image ? ", 65,536 points" : ", batch 1") << ": " << std::fixed
        << std::setprecision(3) << run.milliseconds << " ms a step" << std::defaultfloat << std::endl;
  }
}

}  // namespace

FirstSteps first_steps(const TaskKind& kind, const Json& config, Device device, Index steps, bool recorded) {
  using Clock = std::chrono::steady_clock;
  const TrainConfig train = kind.train_config(config);
  const std::unique_ptr<Task> task = kind.make(config, device);
  const ParamList params = task->params();
  Optimiser optimiser(params, optimiser_config(train));
  TrainingStep step(*task, optimiser, params, {.device = device, .recorded = recorded, .last_step = steps - 1});
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

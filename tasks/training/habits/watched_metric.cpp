// Compares evaluations, and words the reasons to end.
#include "tasks/training/habits/watched_metric.h"

#include <cmath>

#include "engine/words.h"
#include "tasks/io/metrics.h"
#include "tasks/io/numbers.h"

namespace stillpoint {

WatchedMetric::WatchedMetric(const TrainConfig& config) : config_(config), name_(config.best) {
  if (config.target.empty()) return;
  double value = 0;
  require(read_number(config.target, value) && std::isfinite(value), "target: given '", shown(config.target),
          "', expected a number, as in 0.95, correct it");
  target_ = value;
}

bool WatchedMetric::take(std::int64_t step, const Metrics& metrics) {
  if (!watches()) return false;
  if (name_.empty()) name_ = metrics.front().first;
  std::vector<std::string> names;
  const double* value = nullptr;
  for (const auto& [name, number] : metrics) {
    if (name == name_) value = &number;
    names.push_back(name);
  }
  require(value != nullptr, "best: given '", shown(name_),
          "', expected a metric of the validation set: ", join(names), did_you_mean(name_, names));
  const int direction = better_direction(name_);
  require(direction != 0, "best: given '", shown(name_), "', of which nobody knows whether more is better, ",
          "expected a loss or an accuracy, choose another of ", join(names));
  if (std::isfinite(*value) && (best_step_ < 0 || direction * *value > direction * best_value_)) {
    best_value_ = *value;
    best_step_ = step;
    worse_ = 0;
    return true;
  }
  ++worse_;
  return false;
}

std::string WatchedMetric::reason_to_end(double minutes) const {
  if (target_ && best_step_ >= 0 && better_direction(name_) * (best_value_ - *target_) >= 0)
    return text("the target ", config_.target, " is reached: ", best());
  if (config_.patience > 0 && worse_ >= config_.patience)
    return text("no better valid ", name_, " in ", worse_, worse_ == 1 ? " evaluation" : " evaluations",
                best_step_ < 0 ? "" : "; the best was " + best());
  if (config_.minutes > 0 && minutes >= config_.minutes)
    return text("the time of ", config_.minutes, " minutes is over");
  return "";
}

std::string WatchedMetric::best() const {
  return best_step_ < 0 ? ""
                        : text("valid ", name_, " ", format_digits(best_value_), " at step ", best_step_);
}

void WatchedMetric::write(RunRecord& record) const {
  record.best_metric = best_step_ < 0 && worse_ == 0 ? "" : name_;
  record.best_value = best_value_;
  record.best_step = best_step_;
  record.worse = worse_;
}

void WatchedMetric::read(const RunRecord& record) {
  if (record.best_metric.empty() || (!name_.empty() && name_ != record.best_metric)) return;
  name_ = record.best_metric;
  best_value_ = record.best_value;
  best_step_ = record.best_step;
  worse_ = record.worse;
}

}  // namespace stillpoint

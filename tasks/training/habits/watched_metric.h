// Watches a metric of the validation set: which checkpoint is the best, and whether training should end.
#pragma once
#include <optional>
#include <string>

#include "tasks/training/run_record.h"
#include "tasks/training/task.h"

namespace stillpoint {

class WatchedMetric {
 public:
  // Throws Error if a setting about it is wrong.
  explicit WatchedMetric(const TrainConfig& config);

  // Whether a best checkpoint is kept, and whether anything needs the metric.
  bool keeps_best() const { return !config_.best.empty(); }
  bool watches() const { return keeps_best() || config_.patience > 0 || target_; }
  // Takes the metrics of an evaluation, and returns whether this one is the best so far. A value that is not
  // finite is never the best. Throws Error, with their names, if the metric is not among them, or if nobody
  // knows whether more of it is better.
  bool take(std::int64_t step, const Metrics& metrics);
  // Returns why training should end after this many minutes; empty if it should go on.
  std::string reason_to_end(double minutes) const;
  // Returns "valid accuracy 0.93 at step 400"; empty if there was no evaluation yet.
  std::string best() const;

  // What a checkpoint holds of it.
  void write(RunRecord& record) const;
  void read(const RunRecord& record);

 private:
  TrainConfig config_;
  std::optional<double> target_;
  std::string name_;  // empty until the first evaluation, if the settings do not name it
  double best_value_ = 0;
  std::int64_t best_step_ = -1, worse_ = 0;  // evaluations since the best one
};

}  // namespace stillpoint

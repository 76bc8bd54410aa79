// The parts of a run: steps, logs, evaluations, checkpoints.
#pragma once
#include <cmath>
#include <map>
#include <mutex>
#include <optional>

#include "engine/schedule.h"
#include "kernels/host/step_threads.h"
#include "tasks/io/progress.h"
#include "tasks/process/clock.h"
#include "tasks/process/ranks.h"
#include "tasks/training/habits/watched_metric.h"
#include "tasks/training/run_folder.h"
#include "tasks/training/train.h"
#include "tasks/training/training_step.h"

namespace stillpoint {

// One run, from its first step in this process to its last.
class Run {
 public:
  Run(const TrainRequest& request, std::ostream& out);
  TrainOutcome train();

 private:
  void load();
  void start();
  std::optional<TrainOutcome> finished_before() const;
  TrainOutcome run();
  void step();
  void log_training();
  void settle();
  void warn_of_plain_kernels() const;
  void warn_of(const Metrics& metrics, const std::string& split, Index epoch);
  std::vector<std::string> splits() const;  // the splits that the end of the run evaluates
  bool held(const std::string& split);      // whether the log has this step already, from before a resume
  void validate(Index epoch, const Metrics& solvers);
  void end_epoch(Index epoch);
  // Evaluates a split once per step, and returns its metrics and details.
  const Evaluation& evaluate(const std::string& split, Index epoch);
  void save();
  Json made_by() const;
  void write_checkpoint(const ParamList& params);  // takes the values of the buffers from `params`
  std::string save_last_step();
  void check_agreement() const;
  void finish(TrainOutcome& outcome);
  RunRecord record() const;
  void say_begin(const std::string& initial_weights) const;
  void say_what_changes(const Json& before) const;
  bool ends_early() const;  // whether a setting ends the run before all epochs
  [[noreturn]] void stop_non_finite(const char* what, double value) const;
  Index total_steps() const {
    Index steps = 0;
    require(!__builtin_mul_overflow(config_.epochs, task_->facts().steps_per_epoch, &steps), "train: given ",
            config_.epochs, " epochs of ", task_->facts().steps_per_epoch,
            " steps, expected less than 2^63 steps in all, lower epochs");
    return steps;
  }
  bool shared() const { return group_.size() > 1; }

  const TrainRequest& request_;
  kernels::Communicator& group_;
  const bool leads_;  // the rank that evaluates, prints and writes
  std::ostream nowhere_{nullptr};
  std::ostream& out_;
  TrainConfig config_;
  std::unique_ptr<Task> task_;
  const Json settings_;  // of the request, with those that the data have decided
  RunFolder folder_;
  ParamList params_;
  Optimiser optimiser_;
  Schedule schedule_;
  TrainingStep training_step_;
  kernels::MeasuredSteps measured_;
  std::unique_ptr<Progress> progress_;
  Index step_ = 0;         // steps done
  Index saved_step_ = -1;  // of the checkpoint on disk
  Clock::time_point saved_at_ = Clock::now();
  std::optional<RunCheckpoint> resumed_;
  Index evaluated_step_ = -1;
  std::map<std::string, Evaluation> evaluated_;  // at that step
  double loss_sum_ = 0;                          // since the last logged row
  Index loss_count_ = 0;
  double last_loss_ = 0, grad_norm_ = 0, last_metric_ = NAN;
  std::string metric_name_;
  WatchedMetric watched_;
  std::string end_reason_;                 // of this rank, which leads; empty: it goes on
  bool asked_ = false, all_stop_ = false;  // whether this rank was asked to stop, and whether all ranks stop
  double step_seconds_ = 0;                // of all steps of this process
  Clock::time_point begun_ = Clock::now();
  Index first_step_ = 0;
  BufferCopy buffers_;  // as they were after the last step, if there is more than one rank
  std::optional<LastWords> last_words_;
  std::unique_lock<std::mutex> changing_;  // held while a step changes what last_words_ saves
};

}  // namespace stillpoint

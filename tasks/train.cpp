// Training: steps, logs, evaluations, checkpoints, interruption.
#include "tasks/train.h"

#include <cmath>
#include <exception>
#include <optional>

#include "engine/checkpoint.h"
#include "engine/files.h"
#include "engine/schedule.h"
#include "kernels/gemm.h"
#include "tasks/clock.h"
#include "tasks/folder_lock.h"
#include "tasks/io/plot.h"
#include "tasks/io/progress.h"
#include "tasks/ranks.h"
#include "tasks/training_step.h"

namespace stillpoint {
namespace {

std::string format_metrics(const Metrics& metrics) {
  std::string out;
  for (const auto& [name, value] : metrics)
    out += (out.empty() ? "" : ", ") + name + " " + format_number(value);
  return out;
}

// One run from its first step of this process to its last.
class Run {
 public:
  Run(const TrainRequest& request, std::ostream& out);
  TrainOutcome train();

 private:
  void take_folder();
  void start();
  void start_log();
  TrainOutcome run();
  void step();
  void log_training();
  void settle();
  bool validate(Index epoch, const Metrics& solvers);
  // Whether the run goes on.
  bool end_epoch(Index epoch);
  Metrics evaluate(const std::string& split, Index epoch);
  void save();
  // With these values of the buffers.
  void write_checkpoint(const ParamList& params);
  std::string save_last_step();
  void check_agreement() const;
  void check_owner() const;
  void finish(TrainOutcome& outcome);
  void plot() const;
  [[noreturn]] void stop_non_finite(const char* what, double value) const;
  Index total_steps() const {
    Index steps = 0;
    require(!__builtin_mul_overflow(config_.epochs, task_->steps_per_epoch(), &steps), "train: given ",
            config_.epochs, " epochs of ", task_->steps_per_epoch(),
            " steps, expected less than 2^63 steps in all, lower epochs");
    return steps;
  }
  std::filesystem::path checkpoint_path() const { return request_.folder / checkpoint_name; }
  std::string resume_command() const {
    return text("stillpoint train ", request_.kind->name(), " --resume ", request_.folder.string());
  }
  bool shared() const { return group_.size() > 1; }

  const TrainRequest& request_;
  kernels::Communicator& group_;
  const bool leads_;  // the rank that evaluates, prints and writes
  std::ostream nowhere_{nullptr};
  std::ostream& out_;
  TrainConfig config_;
  std::unique_ptr<Task> task_;
  ParamList params_;
  Optimiser optimiser_;
  Schedule schedule_;
  TrainingStep training_step_;
  std::optional<FolderLock> lock_;
  std::unique_ptr<MetricsLog> log_;
  std::unique_ptr<Progress> progress_;
  Index step_ = 0;         // steps done
  Index saved_step_ = -1;  // of the checkpoint on disk
  double loss_sum_ = 0;    // since the last logged row
  Index loss_count_ = 0;
  double last_loss_ = 0, grad_norm_ = 0, last_metric_ = NAN;
  std::string metric_name_;
  bool asked_ = false, all_stop_ = false;  // whether this rank was asked to stop, and whether all do
  Clock::time_point begun_ = Clock::now();
  Index first_step_ = 0;
  BufferCopy buffers_;  // as they were after the last step, where there are several ranks
  std::optional<LastWords> last_words_;
  std::unique_lock<std::mutex> changing_;  // of what it saves
};

Run::Run(const TrainRequest& request, std::ostream& out)
    : request_(request),
      group_(*request.group),
      leads_(group_.rank() == 0),
      out_(leads_ ? out : nowhere_),
      config_(request.kind->train_config(request.config)),
      task_(request.kind->make(request.config, request.device)),
      params_(task_->params()),
      optimiser_(params_, optimiser_config(config_)),
      schedule_{schedule_named(config_.schedule), config_.lr, config_.epochs, task_->steps_per_epoch(),
                config_.step_epochs},
      training_step_(*task_, optimiser_, params_,
                     {.device = request.device,
                      .last_step = total_steps() - 1,
                      .group = request.group,
                      .before_update = [this] {
                        if (last_words_) changing_.lock();
                      }}) {
  use_precision(config_);
  schedule_.lr_at(0);  // a schedule that does not fit is an error before anything is written
}

void Run::take_folder() {
  make_folder(request_.folder);
  if (request_.alone)
    lock_.emplace(request_.folder, "train", "wait for it, stop it, or choose another --run");
}

void Run::start() {
  check_owner();
  if (request_.resume) {
    if (leads_) take_folder();
    const Json record = read_checkpoint_record(checkpoint_path());
    load_checkpoint(checkpoint_path(), params_, &optimiser_);
    step_ = saved_step_ = record.at("step").get<Index>();
    loss_sum_ = record.at("loss_sum").get<double>();
    loss_count_ = record.at("loss_count").get<Index>();
    optimiser_.set_steps(step_);
  }
  first_step_ = step_;
  if (shared()) {
    require_agreement(group_, hash_of(text(request_.kind->name(), request_.config.dump(), step_)), "settings",
                      "start all ranks with one command");
    check_agreement();
    buffers_.take(params_);
    last_words_.emplace(
        group_, request_.device == Device::cpu, [this] { return request_.ending && request_.ending(); },
        [this] { return save_last_step(); });
    changing_ = std::unique_lock(last_words_->state(), std::defer_lock);
    group_.set_ending(request_.ending);
  }
  if (leads_) start_log();
  out_ << request_.kind->name() << " on " << name_of(request_.device) << ": " << params_.count()
       << " parameters, " << config_.epochs << " epochs of " << task_->steps_per_epoch() << " steps"
       << (shared() ? text(" on ", group_.size(), " ranks") : "") << "; run folder "
       << request_.folder.string() << std::endl;
  progress_ = std::make_unique<Progress>(
      total_steps(), out_,
      ProgressOptions{.terminal = request_.terminal, .first_step = step_, .width = {}, .clock = {}});
}

void Run::start_log() {
  if (request_.resume) {
    log_ = std::make_unique<MetricsLog>(request_.folder, step_);
    return;
  }
  take_folder();
  log_ = std::make_unique<MetricsLog>(request_.folder);
  write_atomically(request_.folder / config_name,
                   Json{{"task", request_.kind->name()}, {"config", request_.config}}.dump(2) + "\n");
  log_->tensorboard().add_text("config", "```\n" + request_.config.dump(2) + "\n```", 0);
}

void Run::check_agreement() const {
  if (!shared()) return;
  require_agreement(group_, hash_of(params_, optimiser_), text("parameters after step ", step_),
                    "use equal machines with equal builds of this program on all ranks");
}

void Run::check_owner() const {
  if (request_.trial.empty()) return;
  require(read_file(request_.folder / trial_name) == request_.trial, "train: given the trial in ",
          request_.folder.string(),
          ", which another worker of the search has taken over, expected one of this worker; "
          "nothing more is written, leave it to that worker");
}

void Run::stop_non_finite(const char* what, double value) const {
  const std::string kept = saved_step_ < 0 ? "no checkpoint was saved yet"
                                           : text("the checkpoint of step ", saved_step_,
                                                  " is kept: ", checkpoint_path().string());
  fail("train: the ", what, " is ", value, " at step ", step_ + 1, " (epoch ",
       step_ / task_->steps_per_epoch() + 1, "), expected a finite number; ", kept, "; lower lr or set clip");
}

void Run::step() {
  if (schedule_.kind == ScheduleKind::one_cycle && config_.optimiser == "adam")
    optimiser_.set_beta1(schedule_.momentum_at(step_));
  // Checked after the update was queued: the parameters may be spoilt, but they are never saved.
  const TrainingStep::Result result = training_step_.run(step_, schedule_.lr_at(step_), asked_);
  if (!std::isfinite(result.loss)) stop_non_finite("loss", result.loss);
  grad_norm_ = result.grad_norm;
  if (!std::isfinite(grad_norm_)) stop_non_finite("gradient's norm", grad_norm_);
  last_loss_ = result.loss;
  loss_sum_ += result.loss;
  ++loss_count_;
  ++step_;
  all_stop_ = result.asked;
}

// The step is whole, and logged: from here on it may be saved as the last one.
void Run::settle() {
  if (!last_words_) return;
  buffers_.take(params_);
  changing_.unlock();
}

void Run::log_training() {
  Metrics values{{"loss", loss_sum_ / double(loss_count_)},
                 {"grad_norm", grad_norm_},
                 {"lr", schedule_.lr_at(step_ - 1)}};
  std::exception_ptr lost;  // with it the step is whole all the same: its row has no solvers' statistics
  try {
    const Metrics solvers = training_step_.statistics();
    values.insert(values.end(), solvers.begin(), solvers.end());
  } catch (const kernels::RankLost&) {
    lost = std::current_exception();
  }
  check_owner();
  if (leads_) log_->log({step_, (step_ - 1) / task_->steps_per_epoch() + 1, "train", values});
  loss_sum_ = 0;
  loss_count_ = 0;
  if (!lost) return;
  settle();
  std::rethrow_exception(lost);
}

Metrics Run::evaluate(const std::string& split, Index epoch) {
  const Metrics metrics = task_->evaluate(split);
  check_owner();
  log_->log({step_, epoch, split, metrics});
  return metrics;
}

bool Run::validate(Index epoch, const Metrics& solvers) {
  const Metrics metrics = evaluate("valid", epoch);
  metric_name_ = "valid " + metrics[0].first;
  last_metric_ = metrics[0].second;
  if (!request_.terminal)
    progress_->message(text("epoch ", epoch, ": valid ", format_metrics(metrics),
                            solvers.empty() ? "" : "; last step's solvers: " + format_metrics(solvers)));
  const Index count = epoch / config_.evaluate_every + (epoch % config_.evaluate_every == 0 ? 0 : 1);
  return !request_.goes_on || request_.goes_on({epoch, count, metrics});
}

bool Run::end_epoch(Index epoch) {
  bool goes_on = true;
  if (epoch % config_.evaluate_every == 0 || epoch == config_.epochs) {
    const Metrics solvers = training_step_.statistics();
    // A GPU's ranks have no thread that saves while rank 0 evaluates.
    if (shared() && request_.device == Device::cuda) save();
    if (leads_) goes_on = validate(epoch, solvers);
  }
  if (epoch % config_.checkpoint_every == 0 || epoch == config_.epochs) save();
  check_agreement();
  return group_.sum({leads_ && !goes_on ? 1.0 : 0.0})[0] == 0;
}

void Run::save() {
  if (!leads_) return;
  if (!last_words_) return write_checkpoint(params_);
  const std::lock_guard whole(last_words_->state());
  write_checkpoint(params_);
}

std::string Run::save_last_step() {
  write_checkpoint(buffers_.in_place_of_buffers(params_));
  return text("step ", saved_step_, " of ", total_steps(),
              " is saved. Go on, on any number of ranks, with:\n  ", resume_command());
}

void Run::write_checkpoint(const ParamList& params) {
  if (saved_step_ == step_) return;
  check_owner();
  save_checkpoint(checkpoint_path(), params, &optimiser_,
                  {{"task", request_.kind->name()},
                   {"config", request_.config},
                   {"step", step_},
                   {"epoch", step_ / task_->steps_per_epoch()},
                   {"loss_sum", loss_sum_},
                   {"loss_count", loss_count_}});
  saved_step_ = step_;
}

void Run::plot() const {
  Curve training{"train", {}, {}}, validation{"valid", {}, {}};
  for (const nlohmann::json& row : read_metrics(request_.folder / "metrics.jsonl")) {
    if (!row.contains("loss") || !row["loss"].is_number()) continue;
    Curve* const curve = row["split"] == "train"   ? &training
                         : row["split"] == "valid" ? &validation
                                                   : nullptr;
    if (curve == nullptr) continue;
    curve->x.push_back(row["step"].get<double>());
    curve->y.push_back(row["loss"].get<double>());
  }
  const PlotResult result = plot_curves(request_.folder, {"loss",
                                                          std::string(request_.kind->name()) + ": loss",
                                                          "step",
                                                          "loss",
                                                          true,
                                                          false,
                                                          {training, validation}});
  if (!result.note.empty()) out_ << result.note << "\n";
}

void Run::finish(TrainOutcome& outcome) {
  Json results = {{"task", request_.kind->name()},
                  {"parameters", params_.count()},
                  {"steps", step_},
                  {"seconds", log_->seconds()},
                  {"metrics", Json::object()}};
  const std::vector<std::string> splits =
      request_.goes_on || !request_.trial.empty() ? std::vector<std::string>{"valid"} : task_->splits();
  for (const std::string& split : splits) {
    const Metrics metrics = evaluate(split, config_.epochs);
    outcome.metrics.push_back({split, metrics});
    for (const auto& [name, value] : metrics) results["metrics"][split][name] = value;
    if (const Json details = task_->details(); !details.empty()) results["details"][split] = details;
    out_ << split << ": " << format_metrics(metrics) << "\n";
  }
  task_->write_results(request_.folder, &log_->tensorboard(), step_);
  log_->tensorboard().flush();
  write_atomically(request_.folder / "results.json", results.dump(2) + "\n");
  plot();
}

TrainOutcome Run::train() {
  start();
  try {
    const TrainOutcome outcome = run();
    group_.barrier();
    return outcome;
  } catch (const kernels::RankLost& error) {
    if (changing_.owns_lock()) changing_.unlock();
    const std::string words = last_words_ ? last_words_->speak() : "";
    fail("train: ", error.what(), "; ",
         !words.empty() ? words
         : saved_step_ >= 0
             ? text("the checkpoint of step ", saved_step_, " is kept. Go on with:\n  ", resume_command())
             : "no checkpoint was saved by this rank");
  }
}

TrainOutcome Run::run() {
  TrainOutcome outcome;
  bool stopped = false;
  while (step_ < total_steps() && !stopped) {
    step();
    if (step_ % config_.log_every == 0) log_training();
    settle();
    if (step_ % task_->steps_per_epoch() == 0) stopped = !end_epoch(step_ / task_->steps_per_epoch());
    const double rate = double((step_ - first_step_) * task_->examples_per_step()) / seconds_since(begun_);
    progress_->update(step_, last_loss_, metric_name_, last_metric_, rate);
    asked_ = request_.should_stop && request_.should_stop(step_);
    stopped = stopped || (shared() ? all_stop_ : asked_);
  }
  progress_->done();
  outcome.steps = step_;
  outcome.seconds = seconds_since(begun_);
  outcome.finished = step_ == total_steps();
  save();
  if (outcome.finished && leads_) finish(outcome);
  if (!outcome.finished)
    out_ << "stopped after step " << step_ << " of " << total_steps() << "; saved. Resume with:\n  "
         << resume_command() << "\n";
  out_ << (outcome.finished ? "finished: " : "so far: ") << step_ - first_step_ << " steps in "
       << format_duration(outcome.seconds) << "; results in " << request_.folder.string() << std::endl;
  return outcome;
}

}  // namespace

std::filesystem::path checkpoint_of(const std::filesystem::path& run_or_file) {
  return std::filesystem::is_directory(run_or_file) ? run_or_file / checkpoint_name : run_or_file;
}

void use_precision(const TrainConfig& config) {
  kernels::set_precision(config.precision == "bf16"   ? kernels::Precision::bf16
                         : config.precision == "tf32" ? kernels::Precision::tf32
                                                      : kernels::Precision::float32);
}

TrainOutcome train(const TrainRequest& request, std::ostream& out) { return Run(request, out).train(); }

}  // namespace stillpoint

// Trains: starts or resumes a run, takes its steps, and handles interruptions.
#include "tasks/training/train.h"

#include <iostream>
#include <utility>

#include "engine/io/checkpoint.h"
#include "kernels/gemm/gemm.h"
#include "tasks/io/numbers.h"
#include "tasks/process/processes.h"
#include "tasks/training/content.h"
#include "tasks/training/habits/initial_weights.h"
#include "tasks/training/habits/step_file.h"
#include "tasks/training/run.h"

namespace stillpoint {
namespace {

Json with(Json settings, const Json& found) {
  settings.update(found);
  return settings;
}

}  // namespace

Run::Run(const TrainRequest& request, std::ostream& out)
    : request_(request),
      group_(*request.group),
      leads_(group_.rank() == 0),
      out_(leads_ ? out : nowhere_),
      config_(request.kind->train_config(request.config)),
      task_(request.kind->make(request.config, request.device)),
      settings_(with(request.config, task_->facts().found)),
      folder_(*request.kind, settings_, task_->facts().content, request.folder, request.trial),
      params_(task_->params()),
      optimiser_(params_, optimiser_config(config_)),
      schedule_{schedule_named(config_.schedule), config_.lr, config_.epochs, task_->facts().steps_per_epoch,
                config_.step_epochs},
      training_step_(*task_, optimiser_, params_,
                     {.device = request.device,
                      .last_step = total_steps() - 1,
                      .group = request.group,
                      .before_update =
                          [this] {
                            if (last_words_) changing_.lock();
                          }}),
      watched_(config_) {
  use_precision(config_);
  schedule_.lr_at(0);  // throws Error for an unfit schedule before anything is written
}

void Run::load() {
  folder_.check_owner();
  if (!request_.resume) return;
  if (leads_ && request_.alone) folder_.take();
  resumed_ = checkpoint_to_resume(request_.folder);
  if (!resumed_) return;
  const RunRecord& record = resumed_->record;
  require_record_fits(record, resumed_->path.string(), total_steps(), task_->facts().steps_per_epoch,
                      config_.log_every);
  if (!request_.other_data) require_same_content("train", record.content, task_->facts().content);
  folder_.check_settings(record.config);
  load_checkpoint(resumed_->path, params_, &optimiser_);
  step_ = saved_step_ = record.step;
  loss_sum_ = record.loss_sum;
  loss_count_ = record.loss_count;
  watched_.read(record);
  optimiser_.set_steps(step_);
}

std::optional<TrainOutcome> Run::finished_before() const {
  if (!request_.resume) return std::nullopt;
  using Found = std::optional<std::vector<std::pair<std::string, Metrics>>>;
  const bool whole = step_ == total_steps();
  const Found found =
      leads_ && (whole || !request_.changed) ? folder_.results(step_, splits(), !whole) : Found();
  if (group_.sum({found ? 1.0 : 0.0})[0] == 0) return std::nullopt;
  out_ << "finished already, after " << step_ << " steps: nothing to do; results in "
       << request_.folder.string() << std::endl;
  return TrainOutcome{.finished = true, .steps = step_, .metrics = found.value_or(Found::value_type())};
}

void Run::start() {
  first_step_ = step_;
  const std::string begun =
      resumed_ || config_.init.empty() ? "" : load_initial_weights(config_.init, params_);
  if (shared()) {
    const std::string same =
        text(request_.kind->name(), request_.config.dump(), task_->facts().content, step_);
    require_agreement(group_, hash_of(same), "settings", "start all ranks with one command");
    check_agreement();
    buffers_.take(params_);
    last_words_.emplace(
        group_, request_.device == Device::cpu, [this] { return request_.ending && request_.ending(); },
        [this] { return save_last_step(); });
    changing_ = std::unique_lock(last_words_->state(), std::defer_lock);
    group_.set_ending(request_.ending);
    group_.set_patience(30, [](const std::string& words) {
      std::cerr << text(
          program_name(), ": ", words,
          ", which evaluates, computes for long, or hangs; Ctrl-C ends the run and keeps its last step\n");
    });
  }
  if (leads_ && resumed_) {
    if (!resumed_->remark.empty()) out_ << resumed_->remark << "\n";
    if (const std::string lost = folder_.resume(*resumed_); !lost.empty()) out_ << lost << "\n";
  } else if (leads_) {
    make_folder(request_.folder);  // for a new run, after all ranks have agreed
    if (request_.alone && !request_.resume) folder_.take(request_.lock);
    folder_.start(request_.resume);
    save();
  }
  if (leads_) folder_.log_to_write().tensorboard().add_hparams(settings_, request_.folder.string());
  say_begin(begun);
  progress_ = std::make_unique<Progress>(
      total_steps(), out_,
      ProgressOptions{.terminal = request_.terminal, .first_step = step_, .width = {}, .clock = {}});
}

void Run::say_begin(const std::string& initial_weights) const {
  out_ << request_.kind->name() << " on " << name_of(request_.device) << ": " << params_.count()
       << " parameters, " << config_.epochs << " epochs of " << task_->facts().steps_per_epoch << " steps"
       << (shared() ? text(" on ", group_.size(), " ranks") : "") << "; run folder "
       << shown(request_.folder.string()) << std::endl;
  if (const Index batch = request_.config.value("batch", Index(0)); batch > task_->facts().examples_per_step)
    out_ << "batch: given " << batch << ", more than the " << task_->facts().examples_per_step
         << " examples of an epoch: every step takes them all" << std::endl;
  if (const std::string note = task_->facts().note; !note.empty()) out_ << note << std::endl;
  if (!initial_weights.empty()) out_ << initial_weights << std::endl;
  if (resumed_) say_what_changes(resumed_->record.config);
}

// A longer run has the steps of one that was as long from the beginning, unless the rates depend on its
// length.
void Run::say_what_changes(const Json& before) const {
  const Index epochs = before.value("epochs", config_.epochs);
  if (epochs == config_.epochs) return;
  Schedule other = schedule_;
  other.epochs = epochs;
  const bool same =
      schedule_.kind == ScheduleKind::constant || schedule_.kind == ScheduleKind::step || step_ == 0;
  out_ << "epochs: " << epochs << " become " << config_.epochs << "; ";
  if (same) {
    out_ << "every step equals that of a run of " << config_.epochs << " epochs, bit for bit" << std::endl;
    return;
  }
  const auto change = [&](Index step) { return std::abs(other.lr_at(step) - schedule_.lr_at(step)); };
  Index at = 0;
  for (Index step = 1; step < step_; ++step)
    if (change(step) > change(at)) at = step;
  out_ << "the rates of schedule " << config_.schedule << " depend on that: step " << at + 1 << " had "
       << format_digits(other.lr_at(at)) << ", and has " << format_digits(schedule_.lr_at(at))
       << " in a run of " << config_.epochs << " epochs, so this run differs from such a one" << std::endl;
}

bool Run::ends_early() const {
  return (shared() ? group_.sum({end_reason_.empty() ? 0.0 : 1.0})[0] > 0 : !end_reason_.empty()) &&
         step_ < total_steps();
}

void Run::check_agreement() const {
  if (!shared()) return;
  require_agreement(group_, hash_of(params_, optimiser_), text("parameters after step ", step_),
                    "use equal machines with equal builds of this program on all ranks");
}

void Run::step() {
  if (schedule_.kind == ScheduleKind::one_cycle && config_.optimiser.starts_with("adam"))
    optimiser_.set_beta1(schedule_.momentum_at(step_));
  if (leads_ && step_ < config_.log_gradients) {
    const std::filesystem::path folder = request_.folder / "steps";
    make_folder(folder);
    write_step(*task_, step_, request_.device, settings_, request_.kind->name(),
               folder / text(step_, ".safetensors"));
  }
  // The checks come after the update is queued. It may spoil the parameters, but they are never saved then.
  const Clock::time_point begin = Clock::now();
  const TrainingStep::Result result =
      measured_.run([this] { return training_step_.run(step_, schedule_.lr_at(step_), asked_); });
  step_seconds_ += seconds_since(begin);
  if (!std::isfinite(result.loss)) stop_non_finite("loss", result.loss);
  grad_norm_ = result.grad_norm;
  if (!std::isfinite(grad_norm_)) stop_non_finite("gradient's norm", grad_norm_);
  last_loss_ = result.loss;
  loss_sum_ += result.loss;
  ++loss_count_;
  ++step_;
  all_stop_ = result.asked;
  if (step_ == first_step_ + 1) warn_of_plain_kernels();
}

void Run::end_epoch(Index epoch) {
  if (epoch % config_.evaluate_every == 0 || epoch == config_.epochs) {
    const Metrics solvers = training_step_.statistics();
    // On a GPU, no thread of the other ranks saves while rank 0 evaluates.
    if (shared() && request_.device == Device::cuda) save();
    if (leads_ && !held("valid")) validate(epoch, solvers);
  }
  if (epoch % config_.checkpoint_every == 0 || epoch == config_.epochs) save();
  check_agreement();
}

TrainOutcome Run::train() {
  load();
  if (const auto outcome = finished_before()) return *outcome;
  start();
  try {
    const TrainOutcome outcome = run();
    group_.barrier();
    return outcome;
  } catch (const kernels::RankLost& error) {
    if (changing_.owns_lock()) changing_.unlock();
    const std::string words = last_words_ ? last_words_->speak() : "";
    fail("train: ", error.what(), "; ",
         !words.empty()     ? words
         : saved_step_ >= 0 ? text("the checkpoint of step ", saved_step_, " is kept. Resume with:\n  ",
                                   folder_.resume_command())
                            : "no checkpoint was saved by this rank");
  }
}

TrainOutcome Run::run() {
  TrainOutcome outcome;
  bool stopped = false, interrupted = false;
  // The log may lack an evaluation that was due at this step.
  if (resumed_ && step_ > 0 && step_ < total_steps() && step_ % task_->facts().steps_per_epoch == 0)
    end_epoch(step_ / task_->facts().steps_per_epoch);
  const auto look = [this] {
    if (leads_ && end_reason_.empty()) end_reason_ = watched_.reason_to_end(folder_.log().seconds() / 60);
    return !end_reason_.empty();
  };
  if (resumed_) asked_ = stopped = look();
  if (shared()) stopped = false;  // all ranks stop together, one step later
  while (step_ < total_steps() && !stopped) {
    step();
    if (step_ % config_.log_every == 0) log_training();
    settle();
    if (step_ % task_->facts().steps_per_epoch == 0) end_epoch(step_ / task_->facts().steps_per_epoch);
    if (config_.checkpoint_minutes > 0 && seconds_since(saved_at_) >= 60 * config_.checkpoint_minutes) save();
    const double rate =
        double((step_ - first_step_) * task_->facts().examples_per_step) / seconds_since(begun_);
    progress_->update(step_, last_loss_, metric_name_, last_metric_, rate);
    interrupted = request_.should_stop && request_.should_stop(step_);
    asked_ = look() || interrupted;
    stopped = shared() ? all_stop_ : asked_;
  }
  progress_->done();
  outcome.steps = step_;
  outcome.seconds = seconds_since(begun_);
  if (interrupted) end_reason_.clear();  // somebody waits for the end, so nothing is evaluated
  outcome.finished = ends_early() || step_ == total_steps();
  outcome.resume = folder_.resume_command();
  save();
  if (outcome.finished && leads_) finish(outcome);
  if (!outcome.finished)
    out_ << "stopped after step " << step_ << " of " << total_steps() << "; saved. Resume with:\n  "
         << outcome.resume << "\n";
  out_ << (outcome.finished ? "finished: " : "so far: ") << step_ - first_step_ << " steps in "
       << format_duration(outcome.seconds) << "; results in " << shown(request_.folder.string()) << std::endl;
  return outcome;
}

void use_precision(const TrainConfig& config) {
  kernels::set_precision(kernels::precision_named(config.precision));
}

TrainOutcome train(const TrainRequest& request, std::ostream& out) { return Run(request, out).train(); }

}  // namespace stillpoint

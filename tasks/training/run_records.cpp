// Writes the rows of the log, evaluations, checkpoints and results of a run.
#include <algorithm>
#include <exception>
#include <utility>

#include "kernels/device/library_plans.h"
#include "tasks/io/numbers.h"
#include "tasks/process/version.h"
#include "tasks/training/run.h"

namespace stillpoint {
namespace {

std::string format_metrics(const Metrics& metrics) {
  std::string out;
  for (const auto& [name, value] : metrics)
    out += (out.empty() ? "" : ", ") + name + " " + format_digits(value);
  return out;
}

}  // namespace

void Run::stop_non_finite(const char* what, double value) const {
  const std::string kept = saved_step_ < 0 ? "no checkpoint was saved yet"
                                           : text("the checkpoint of step ", saved_step_,
                                                  " is kept: ", folder_.checkpoint().string());
  fail("train: the ", what, " is ", value, " at step ", step_ + 1, " (epoch ",
       step_ / task_->facts().steps_per_epoch + 1, "), expected a finite number; ", kept,
       "; lower lr or set clip");
}

// The step is complete and logged; from here on it may be saved as the last one.
void Run::settle() {
  if (!last_words_) return;
  buffers_.take(params_);
  changing_.unlock();
}

void Run::log_training() {
  Metrics values{{"loss", loss_sum_ / double(loss_count_)},
                 {"grad_norm", grad_norm_},
                 {"lr", schedule_.lr_at(step_ - 1)}};
  std::exception_ptr lost;  // the step is complete even then, but its row lacks the solvers' statistics
  try {
    const Metrics solvers = training_step_.statistics();
    values.insert(values.end(), solvers.begin(), solvers.end());
  } catch (const kernels::RankLost&) {
    lost = std::current_exception();
  }
  folder_.check_owner();
  if (leads_)
    folder_.log_to_write().log({step_, (step_ - 1) / task_->facts().steps_per_epoch + 1, "train", values});
  loss_sum_ = 0;
  loss_count_ = 0;
  if (!lost) return;
  settle();
  std::rethrow_exception(lost);
}

std::vector<std::string> Run::splits() const {
  return !request_.trial.empty() ? std::vector<std::string>{"valid"} : task_->facts().splits;
}

bool Run::held(const std::string& split) { return step_ == first_step_ && folder_.log().held(split); }

const Evaluation& Run::evaluate(const std::string& split, Index epoch) {
  if (std::exchange(evaluated_step_, step_) != step_) evaluated_.clear();
  if (const auto known = evaluated_.find(split); known != evaluated_.end()) return known->second;
  const Evaluation found = task_->evaluate(split);
  if (!held(split)) folder_.log_to_write().log({step_, epoch, split, found.metrics});
  return evaluated_[split] = found;
}

// Warns, because nothing else shows that such a run is slow.
void Run::warn_of_plain_kernels() const {
  const std::vector<kernels::LibraryPlan> plans = kernels::kept_plans();
  const auto plain = std::count_if(plans.begin(), plans.end(),
                                   [](const kernels::LibraryPlan& p) { return p.library == "plain kernel"; });
  if (plain > 0)
    progress_->message(text("warning: ", plain,
                            " shapes of convolutions run on plain kernels, which are slow, ",
                            "expected cuDNN to do them; `stillpoint info` says whether it is built in"));
}

// Only warns, because a model may be far off for a while and recover; only the training loss ends the run.
void Run::warn_of(const Metrics& metrics, const std::string& split, Index epoch) {
  for (const auto& [name, value] : metrics) {
    if (name != "loss" || std::isfinite(value)) continue;
    const std::string warning = text("warning: the ", split, " loss is ", value, " after epoch ", epoch,
                                     ", expected a finite number; training goes on, lower lr if it stays so");
    progress_->message(warning);
    folder_.log_to_write().tensorboard().add_text("warning", warning, step_);
  }
}

void Run::validate(Index epoch, const Metrics& solvers) {
  const Metrics metrics = evaluate("valid", epoch).metrics;
  if (watched_.take(step_, metrics) && watched_.keeps_best()) folder_.save_best(params_, record());
  warn_of(metrics, "valid", epoch);
  metric_name_ = "valid " + metrics[0].first;
  last_metric_ = metrics[0].second;
  if (!request_.terminal)
    progress_->message(text("epoch ", epoch, ": valid ", format_metrics(metrics),
                            solvers.empty() ? "" : "; last step's solvers: " + format_metrics(solvers)));
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
              " is saved. Go on, on any number of ranks, with:\n  ", folder_.resume_command());
}

RunRecord Run::record() const {
  RunRecord record{.step = step_,
                   .epoch = step_ / task_->facts().steps_per_epoch,
                   .loss_sum = loss_sum_,
                   .loss_count = loss_count_};
  watched_.write(record);
  return record;
}

void Run::write_checkpoint(const ParamList& params) {
  if (saved_step_ == step_) return;
  folder_.save(params, optimiser_, record());
  saved_at_ = Clock::now();
  saved_step_ = step_;
}

// Returns what made the run, and how fast this process was.
Json Run::made_by() const {
  Json facts = request_.made_by;
  facts["device"] = name_of(request_.device);
  facts["ranks"] = group_.size();
  const double steps = double(step_ - first_step_);
  if (steps > 0) {
    facts["ms_per_step"] = 1e3 * step_seconds_ / steps;
    facts["examples_per_second"] = steps * double(task_->facts().examples_per_step) / step_seconds_;
  }
  facts["peak_memory_mb"] = double(memory_stats(request_.device).peak) / 1e6;
  return facts;
}

void Run::finish(TrainOutcome& outcome) {
  Json results = {{"task", request_.kind->name()},      {"version", program_version},
                  {"parameters", params_.count()},      {"steps", step_},
                  {"seconds", folder_.log().seconds()}, {"metrics", Json::object()}};
  if (!end_reason_.empty()) {
    results["ended"] = end_reason_;
    out_ << "ended after " << step_ << " of " << total_steps() << " steps: " << end_reason_ << "\n";
  }
  if (const std::string best = watched_.best(); !best.empty()) {
    results["best"] = best;
    if (watched_.keeps_best())
      out_ << "best: " << best << ", in " << shown((request_.folder / best_name).string()) << "\n";
  }
  const Index epochs = (step_ + task_->facts().steps_per_epoch - 1) / task_->facts().steps_per_epoch;
  for (const std::string& split : splits()) {
    const auto& [metrics, details] = evaluate(split, epochs);
    outcome.metrics.push_back({split, metrics});
    for (const auto& [name, value] : metrics) results["metrics"][split][name] = value;
    if (!details.empty()) results["details"][split] = details;
    out_ << split << ": " << format_metrics(metrics) << "\n";
  }
  results["made_by"] = made_by();
  folder_.log_to_write().tensorboard().add_text("made by", "```\n" + results["made_by"].dump(2) + "\n```",
                                                step_);
  for (const kernels::LibraryPlan& plan : kernels::kept_plans())
    results["library_plans"].push_back(describe(plan));
  task_->write_results(request_.folder, &folder_.log_to_write().tensorboard(), step_);
  folder_.log_to_write().tensorboard().flush();
  folder_.plot();
  folder_.write_results(results);  // must be last, because results mark the run as finished
}

}  // namespace stillpoint

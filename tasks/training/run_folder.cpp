// Starts, resumes and saves runs in their folder.
#include "tasks/training/run_folder.h"

#include <cmath>
#include <cstdio>
#include <iostream>

#include "engine/io/checkpoint.h"
#include "tasks/drawing/chart.h"
#include "tasks/process/processes.h"
#include "tasks/training/content.h"

namespace stillpoint {

namespace fs = std::filesystem;

namespace {

constexpr const char* results_name = "results.json";
constexpr const char* log_name = "metrics.jsonl";

RunCheckpoint read_checkpoint(const fs::path& path) {
  return {path, read_run_record(read_checkpoint_record(path), path.string())};
}

// Returns the step of the folder's checkpoint, or 0 without one. If it cannot be read, throws that as the
// reason not to start.
Index steps_saved_in(const fs::path& run) {
  try {
    return has_checkpoint(run) ? find_checkpoint(run).record.step : 0;
  } catch (const Error& error) {
    fail("train: given folder ", run.string(), ", which holds another run, whose checkpoint cannot be read (",
         error.what(), "), expected a new folder, choose another name or remove it");
  }
}

// Returns whether this is a folder, not a link to one, that is empty or holds only a lock.
bool is_empty_folder(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(fs::symlink_status(folder, error))) return false;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    if (at->path().filename() != lock_name) return false;
  return !error;
}

}  // namespace

OwnFolder new_run_folder(const std::string& name) {
  make_folder("runs");
  for (int n = 1;; ++n) {
    char number[16];
    std::snprintf(number, sizeof number, "-%03d", n);
    const fs::path folder = fs::path("runs") / (name + number);
    std::error_code error;
    const bool is_new = fs::create_directory(folder, error);
    require(!error || fs::exists(folder), "train: given folder ", folder.string(),
            ", cannot make it: ", error.message(), ", expected one that can be written, check the disk");
    if (!is_new && !is_empty_folder(folder)) continue;
    std::shared_ptr<FolderLock> lock = FolderLock::if_free(folder);
    // Another process may have come between the check and the lock.
    if (lock && (is_new || lock->protects()) && is_empty_folder(folder)) return {folder, std::move(lock)};
  }
}

void remove_if_empty(const fs::path& folder) {
  if (!is_empty_folder(folder)) return;
  std::error_code ignored;
  fs::remove(folder / lock_name, ignored);
  fs::remove(folder, ignored);
}

bool has_checkpoint(const fs::path& run) {
  return fs::exists(run / checkpoint_name) || fs::exists(run / previous_name);
}

RunCheckpoint find_checkpoint(const fs::path& run_or_file) {
  if (!fs::is_directory(run_or_file)) return read_checkpoint(run_or_file);
  const fs::path newest = run_or_file / checkpoint_name, previous = run_or_file / previous_name;
  try {
    return read_checkpoint(newest);
  } catch (const Error& error) {
    if (!fs::exists(previous)) throw;
    try {
      RunCheckpoint found = read_checkpoint(previous);
      found.remark = text("the newest checkpoint is left out (", error.what(), "); the one before, of step ",
                          found.record.step, ", is intact and used: ", previous.string());
      return found;
    } catch (const Error& second) {
      fail(error.what(), "; the one before cannot be read either: ", second.what());
    }
  }
}

std::optional<RunCheckpoint> checkpoint_to_resume(const fs::path& run) {
  if (has_checkpoint(run)) return find_checkpoint(run);
  require(fs::exists(run / config_name), "--resume: given ", run.string(), " without ",
          (run / checkpoint_name).string(), " and ", config_name,
          fs::is_directory(run) ? ", which ended before anything was saved, begin it again"
                                : ", expected the folder of a run, begin one",
          " with --run ", run.string(), " and its settings");
  return std::nullopt;
}

RunRecord settings_to_resume(const fs::path& run) {
  const std::string path = (run / config_name).string();
  if (const auto from = checkpoint_to_resume(run)) {
    RunRecord record = from->record;
    if (!fs::exists(path)) return record;
    const Json beside = read_json_file(path);
    Json changed = Json::object();
    if (beside.is_object() && beside.contains("config") && beside["config"].is_object())
      for (const auto& [name, value] : beside["config"].items())
        if (may_change(name)) changed[name] = value;
    task_kind(record.task).resolve({{changed, path}});  // throws Error for a bad value, and names the file
    record.config.update(changed);
    return record;
  }
  const Json begun = read_json_file(path);
  require(
      begun.is_object() && begun.contains("task") && begun["task"].is_string() && begun.contains("config"),
      path, ": has no task and settings, expected both, begin the run again with --run ", run.string(),
      " and its settings");
  RunRecord record;
  record.task = begun["task"].get<std::string>();
  record.config = begun["config"];
  return record;
}

fs::path checkpoint_of(const fs::path& run_or_file) {
  const RunCheckpoint found = find_checkpoint(run_or_file);
  if (!found.remark.empty()) std::cerr << program_name() << ": " << found.remark << std::endl;
  return found.path;
}

RunFolder::RunFolder(const TaskKind& kind, const Json& config, std::string content, fs::path path,
                     std::string trial)
    : kind_(kind),
      config_(config),
      content_(std::move(content)),
      path_(std::move(path)),
      trial_(std::move(trial)) {}

fs::path RunFolder::checkpoint() const { return path_ / checkpoint_name; }

std::string RunFolder::resume_command() const {
  return text(program_name(), " train ", kind_.name(), " --resume ", shell_path(path_));
}

void RunFolder::take(std::shared_ptr<FolderLock> held) {
  lock_ = held
              ? std::move(held)
              : std::make_shared<FolderLock>(path_, "train", "wait for it, stop it, or choose another --run");
  remove_leftovers(path_);
}

void RunFolder::check_owner() const {
  if (trial_.empty() || read_file(path_ / trial_name) == trial_) return;
  if (log_) log_->tensorboard().discard();  // its destructor would write what waits
  fail("train: given the trial in ", path_.string(),
       ", which another worker of the search has taken over, expected one of this worker; "
       "nothing more is written, leave it to that worker");
}

MetricsLog& RunFolder::log_to_write() {
  check_owner();
  return *log_;
}

void RunFolder::start(bool again) {
  check_owner();
  const Index saved = steps_saved_in(path_);
  require(again || (saved == 0 && !fs::exists(path_ / results_name)), "train: given folder ", path_.string(),
          ", which holds another run", saved > 0 ? text(" of ", saved, " steps") : "",
          ", expected a new folder, choose another name, or resume that run:\n  ", resume_command());
  log_ = std::make_unique<MetricsLog>(path_, again ? std::optional(LogPosition{}) : std::nullopt);
  for (const char* of_step_0 : {checkpoint_name, previous_name, best_name}) fs::remove(path_ / of_step_0);
  write_config();
  log_->tensorboard().add_text("config", "```\n" + config_.dump(2) + "\n```", 0);
  log_->sync();
  sync_folder(path_);
  sync_folder(folder_of(path_));
}

void RunFolder::write_config() const {
  const Json settings{{"task", kind_.name()}, {"config", config_}, {"content", content_}};
  write_atomically(path_ / config_name, settings.dump(2) + "\n");
}

void RunFolder::check_settings(const Json& of_checkpoint) const {
  const fs::path path = path_ / config_name;
  if (!fs::exists(path)) return;
  const Json beside = read_json_file(path.string());
  require(beside.is_object() && beside.contains("config"), path.string(),
          ": has no settings, expected those of the run, remove the file to use the checkpoint's");
  require_same_settings(path.string(), kind_.resolve({{beside["config"], path.string()}}),
                        kind_.resolve({{of_checkpoint, "the checkpoint"}}));
}

std::string RunFolder::resume(const RunCheckpoint& from) {
  check_owner();
  const RunRecord& record = from.record;
  newest_is_whole_ = from.path == checkpoint();
  log_ = std::make_unique<MetricsLog>(path_, LogPosition{record.step, record.log_rows});
  write_config();  // records the present places of the data, and settings that were changed
  // Results of fewer epochs would mark the run as finished.
  if (fs::exists(path_ / results_name)) fs::remove(path_ / results_name);
  sync_folder(path_);
  if (log_->lost() == 0) return "";
  const std::string lost =
      text("metrics.jsonl lacks ", log_->lost(), " of the ", record.log_rows, " rows that it had at step ",
           record.step, ": those after step ", log_->last_step(),
           " are missing (a disk lost them, or somebody removed them); the weights are whole");
  log_->tensorboard().add_text("lost rows", lost, record.step);
  return lost;
}

void RunFolder::save(const ParamList& params, const Optimiser& optimiser, RunRecord record) {
  check_owner();
  // If the first rank is lost, the rank that saves has no log and does not know how much of it is whole.
  if (log_)
    record.log_rows = log_->sync();
  else
    AppendFile(path_ / log_name, AppendFile::Open::append).sync();
  record.task = kind_.name();
  record.config = config_;
  record.content = content_;
  save_checkpoint(checkpoint(), params, &optimiser, write_run_record(record),
                  newest_is_whole_ ? path_ / previous_name : fs::path());
  newest_is_whole_ = true;
}

void RunFolder::save_best(const ParamList& params, RunRecord record) const {
  check_owner();
  record.task = kind_.name();
  record.config = config_;
  record.content = content_;
  save_checkpoint(path_ / best_name, params, nullptr, write_run_record(record));
}

std::optional<std::vector<std::pair<std::string, Metrics>>> RunFolder::results(
    Index steps, const std::vector<std::string>& splits, bool early) const {
  Json found;
  try {
    found = read_json_file((path_ / results_name).string());
  } catch (const Error&) {
    return std::nullopt;
  }
  const auto holds = [](const Json& in, const std::string& name) {
    return in.is_object() && in.contains(name);
  };
  if (!holds(found, "steps") || found["steps"] != steps || !holds(found, "metrics")) return std::nullopt;
  if (early && !holds(found, "ended")) return std::nullopt;
  std::vector<std::pair<std::string, Metrics>> out;
  for (const std::string& split : splits) {
    if (!holds(found["metrics"], split) || !found["metrics"][split].is_object()) return std::nullopt;
    out.push_back({split, {}});
    for (const auto& [name, value] : found["metrics"][split].items())
      out.back().second.push_back({name, value.is_number() ? value.get<double>() : NAN});
  }
  return out;
}

void RunFolder::write_results(const Json& results) const {
  check_owner();
  log_->sync();  // must precede the results, which mark the run as finished
  write_atomically(path_ / results_name, results.dump(2) + "\n");
}

void RunFolder::plot() const {
  check_owner();
  drawing::Series training{.label = "train", .style = 0, .x = {}},
      validation{.label = "valid", .style = 1, .x = {}};
  read_metrics(path_ / log_name, [&](const nlohmann::json& row, const LineReader&) {
    drawing::Series* const curve = row["split"] == "train"   ? &training
                                   : row["split"] == "valid" ? &validation
                                                             : nullptr;
    if (curve == nullptr || !row.contains("loss") || !row["loss"].is_number()) return true;
    curve->x.push_back(row["step"].get<double>());
    curve->y.push_back(row["loss"].get<double>());
    return true;
  });
  drawing::write_figure(path_, "loss",
                        {.title = text(kind_.name(), ": loss"),
                         .x = {.name = "step"},
                         .y = {.name = "loss", .scale = drawing::Scale::logarithmic},
                         .series = {training, validation}});
}

}  // namespace stillpoint

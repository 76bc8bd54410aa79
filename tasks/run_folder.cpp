// Starting, resuming and saving in the folder of a run.
#include "tasks/run_folder.h"

#include "engine/checkpoint.h"
#include "tasks/content.h"
#include "tasks/io/plot.h"

namespace stillpoint {

namespace fs = std::filesystem;

fs::path checkpoint_of(const fs::path& run_or_file) {
  return fs::is_directory(run_or_file) ? run_or_file / checkpoint_name : run_or_file;
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
  return text("stillpoint train ", kind_.name(), " --resume ", shell_path(path_));
}

void RunFolder::take(bool alone) {
  make_folder(path_);
  if (alone) lock_.emplace(path_, "train", "wait for it, stop it, or choose another --run");
}

void RunFolder::check_owner() const {
  if (trial_.empty()) return;
  require(read_file(path_ / trial_name) == trial_, "train: given the trial in ", path_.string(),
          ", which another worker of the search has taken over, expected one of this worker; "
          "nothing more is written, leave it to that worker");
}

void RunFolder::start() {
  log_ = std::make_unique<MetricsLog>(path_);
  write_config();
  log_->tensorboard().add_text("config", "```\n" + config_.dump(2) + "\n```", 0);
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
          ": has no settings, expected those of the run, remove the file to go on with the checkpoint's");
  require_same_settings(path.string(), kind_.resolve({{beside["config"], path.string()}}),
                        kind_.resolve({{of_checkpoint, "the checkpoint"}}));
}

void RunFolder::resume(Index step) {
  log_ = std::make_unique<MetricsLog>(path_, step);
  write_config();  // with the places that the data have now
}

void RunFolder::save(const ParamList& params, const Optimiser& optimiser, const Json& fields) const {
  Json record = {{"task", kind_.name()}, {"config", config_}, {"content", content_}};
  record.update(fields);
  save_checkpoint(checkpoint(), params, &optimiser, record);
}

void RunFolder::write_results(const Json& results) const {
  write_atomically(path_ / "results.json", results.dump(2) + "\n");
}

std::string RunFolder::plot() const {
  Curve training{"train", {}, {}}, validation{"valid", {}, {}};
  for (const nlohmann::json& row : read_metrics(path_ / "metrics.jsonl")) {
    if (!row.contains("loss") || !row["loss"].is_number()) continue;
    Curve* const curve = row["split"] == "train"   ? &training
                         : row["split"] == "valid" ? &validation
                                                   : nullptr;
    if (curve == nullptr) continue;
    curve->x.push_back(row["step"].get<double>());
    curve->y.push_back(row["loss"].get<double>());
  }
  return plot_curves(path_, {.name = "loss",
                             .title = text(kind_.name(), ": loss"),
                             .xlabel = "step",
                             .ylabel = "loss",
                             .log_y = true,
                             .curves = {training, validation}})
      .note;
}

}  // namespace stillpoint

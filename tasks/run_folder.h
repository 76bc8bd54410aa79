// The folder of a run while one process trains in it: lock, log, checkpoints, results.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/optim.h"
#include "tasks/folder_lock.h"
#include "tasks/io/metrics.h"
#include "tasks/registry.h"

namespace stillpoint {

class RunFolder {
 public:
  // `trial`: as in TrainRequest.
  // `content`: of the task's data.
  RunFolder(const TaskKind& kind, const Json& config, std::string content, std::filesystem::path path,
            std::string trial);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoint() const;
  std::string resume_command() const;

  // Makes the folder, and keeps others out of it where `alone`.
  void take(bool alone);
  // Error where another worker of a search has taken the folder over.
  void check_owner() const;
  // A new run: config.json and an empty log. Error where the folder holds another run.
  void start();
  // Error where the settings in config.json have been edited and are not the checkpoint's.
  void check_settings(const Json& of_checkpoint) const;
  // The log of a run that goes on after this step.
  void resume(Index step);
  MetricsLog& log() { return *log_; }

  // Writes a checkpoint with these fields of its record besides task and configuration.
  void save(const ParamList& params, const Optimiser& optimiser, const Json& fields) const;
  void write_results(const Json& results) const;
  // Draws the curves of the log; returns why a picture is missing, empty where none is.
  std::string plot() const;

 private:
  void write_config() const;

  const TaskKind& kind_;
  const Json& config_;
  std::string content_;
  std::filesystem::path path_;
  std::string trial_;
  std::optional<FolderLock> lock_;
  std::unique_ptr<MetricsLog> log_;
};

inline constexpr const char* checkpoint_name = "checkpoint.safetensors";
// The checkpoint of a run folder, or the file itself.
std::filesystem::path checkpoint_of(const std::filesystem::path& run_or_file);
inline constexpr const char* config_name = "config.json";
inline constexpr const char* trial_name = "trial.token";

}  // namespace stillpoint

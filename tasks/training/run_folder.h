// The folder of a run while one process trains in it: lock, log, checkpoints, results.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "engine/optim.h"
#include "tasks/io/metrics.h"
#include "tasks/settings/registry.h"
#include "tasks/training/folder_lock.h"
#include "tasks/training/run_record.h"

namespace stillpoint {

inline constexpr const char* checkpoint_name = "checkpoint.safetensors";
inline constexpr const char* previous_name = "checkpoint.previous.safetensors";
inline constexpr const char* config_name = "config.json";
inline constexpr const char* trial_name = "trial.token";

struct RunCheckpoint {
  std::filesystem::path path;
  RunRecord record;
  std::string remark = {};  // why it is not the newest one; empty where it is
};

bool has_checkpoint(const std::filesystem::path& run);
// The newest checkpoint of a run folder that is whole, or the file itself. Error where there is none.
RunCheckpoint find_checkpoint(const std::filesystem::path& run_or_file);
// That of a run which goes on; none where the run ended before its first one and begins again from its
// config.json. Error, which says what to do, where the folder holds neither.
std::optional<RunCheckpoint> checkpoint_to_resume(const std::filesystem::path& run);
// Task and settings of such a run.
RunRecord settings_to_resume(const std::filesystem::path& run);
// The path of find_checkpoint; what remark there is goes to standard error.
std::filesystem::path checkpoint_of(const std::filesystem::path& run_or_file);

// A folder that no other process takes for its run.
struct OwnFolder {
  std::filesystem::path path;
  std::shared_ptr<FolderLock> lock;
};
// runs/NAME-001, -002, ...: the first one that is new, or that a process which ended at once has left empty.
OwnFolder new_run_folder(const std::string& name);
// Removes a folder that holds nothing, or nothing but a lock.
void remove_if_empty(const std::filesystem::path& folder);

class RunFolder {
 public:
  // `trial`: as in TrainRequest.
  // `content`: of the task's data.
  RunFolder(const TaskKind& kind, const Json& config, std::string content, std::filesystem::path path,
            std::string trial);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoint() const;
  std::string resume_command() const;

  // Keeps others out of the folder, unless `held` does, and removes what dead processes left half-written.
  void take(std::shared_ptr<FolderLock> held = nullptr);
  // Error where another worker of a search has taken the folder over.
  void check_owner() const;
  // A run from its beginning: config.json and an empty log, both on the disk. Error where the folder holds
  // another run that has come further than its checkpoint of step 0, unless `again`, which drops the rows of
  // a run that has no checkpoint.
  void start(bool again);
  // The log of a run that goes on from this checkpoint; returns what is missing in it, empty where nothing
  // is.
  std::string resume(const RunCheckpoint& from);
  // Error where the settings in config.json have been edited and are not the checkpoint's.
  void check_settings(const Json& of_checkpoint) const;
  MetricsLog& log() { return *log_; }

  // Syncs the log, then writes a checkpoint with this record, to which task, configuration and the log's
  // length are added. The checkpoint before is kept.
  void save(const ParamList& params, const Optimiser& optimiser, RunRecord record);
  // The metrics of a run that has finished after so many steps and evaluated these splits; none where it has
  // not.
  std::optional<std::vector<std::pair<std::string, Metrics>>> results(
      Index steps, const std::vector<std::string>& splits) const;
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
  std::shared_ptr<FolderLock> lock_;
  std::unique_ptr<MetricsLog> log_;
  bool newest_is_whole_ = false;  // the checkpoint under the newest name
};

}  // namespace stillpoint

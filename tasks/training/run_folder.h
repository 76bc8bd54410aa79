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
inline constexpr const char* best_name = "best.safetensors";
inline constexpr const char* config_name = "config.json";
inline constexpr const char* trial_name = "trial.token";

struct RunCheckpoint {
  std::filesystem::path path;
  RunRecord record;
  std::string remark = {};  // why it is not the newest one; empty if it is
};

bool has_checkpoint(const std::filesystem::path& run);
// Returns the newest undamaged checkpoint of a run folder, or the given file. Throws Error if there is none.
RunCheckpoint find_checkpoint(const std::filesystem::path& run_or_file);
// Returns the checkpoint to resume a run from, or nothing if the run ended before its first one and begins
// again from its config.json. Throws Error, with advice, if the folder holds neither.
std::optional<RunCheckpoint> checkpoint_to_resume(const std::filesystem::path& run);
// Returns the task and settings of such a run. Settings that a resumed run may change are those of its
// config.json, which is written before the first checkpoint with them.
RunRecord settings_to_resume(const std::filesystem::path& run);
// Returns the path of find_checkpoint, and prints its remark, if any, to standard error.
std::filesystem::path checkpoint_of(const std::filesystem::path& run_or_file);

// A folder that no other process can take for its run.
struct OwnFolder {
  std::filesystem::path path;
  std::shared_ptr<FolderLock> lock;
};
// Takes the first of runs/NAME-001, -002, ... that is new, or was left empty by a process that ended at once.
OwnFolder new_run_folder(const std::string& name);
// Removes a folder if it is empty or holds only a lock.
void remove_if_empty(const std::filesystem::path& folder);

class RunFolder {
 public:
  // `content` is content_of() the task's data, `trial` is as in TrainRequest.
  RunFolder(const TaskKind& kind, const Json& config, std::string content, std::filesystem::path path,
            std::string trial);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoint() const;
  std::string resume_command() const;

  // Locks the folder, unless `held` does already, and removes half-written files of dead processes.
  void take(std::shared_ptr<FolderLock> held = nullptr);
  // Throws Error if another worker of a search has taken the folder over.
  void check_owner() const;
  // Begins a run: writes config.json and an empty log to the disk. Throws Error if the folder holds another
  // run that is further than its checkpoint of step 0. `again` drops the rows of a run without one.
  void start(bool again);
  // Opens the log to resume from this checkpoint. Returns what is missing in it; empty if nothing is.
  std::string resume(const RunCheckpoint& from);
  // Throws Error if the settings in config.json have been edited and differ from the checkpoint's.
  void check_settings(const Json& of_checkpoint) const;
  const MetricsLog& log() const { return *log_; }
  // Throws Error if another worker of a search has taken the folder over.
  MetricsLog& log_to_write();

  // Syncs the log, then writes a checkpoint with this record, and adds the task, configuration and length of
  // the log to it. Keeps the previous checkpoint.
  void save(const ParamList& params, const Optimiser& optimiser, RunRecord record);
  // Writes the best checkpoint, without the optimiser's state.
  void save_best(const ParamList& params, RunRecord record) const;
  // Returns the metrics of a run that has finished after this number of steps and evaluated these splits, or
  // nothing if it has not. `early`: only if it ended before all epochs, by a setting.
  std::optional<std::vector<std::pair<std::string, Metrics>>> results(Index steps,
                                                                      const std::vector<std::string>& splits,
                                                                      bool early) const;
  void write_results(const Json& results) const;
  // Draws the losses of the log as loss.svg, with their data in loss.csv.
  void plot() const;

 private:
  void write_config() const;

  const TaskKind& kind_;
  const Json& config_;
  std::string content_;
  std::filesystem::path path_;
  std::string trial_;
  std::shared_ptr<FolderLock> lock_;
  std::unique_ptr<MetricsLog> log_;
  bool newest_is_whole_ = false;  // whether the checkpoint under the newest name is undamaged
};

}  // namespace stillpoint

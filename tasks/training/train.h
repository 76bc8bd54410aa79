// The one training loop.
#pragma once
#include <filesystem>
#include <functional>
#include <ostream>

#include "kernels/group/communicator.h"
#include "tasks/settings/registry.h"
#include "tasks/training/run_folder.h"

namespace stillpoint {

struct TrainRequest {
  const TaskKind* kind = nullptr;
  Json config;  // resolved
  Device device = Device::cpu;
  std::filesystem::path folder;           // of the run; made where it is missing
  bool other_data = false;                // go on with data that are not those of the checkpoint
  bool resume = false;                    // go on from the folder's checkpoint
  bool alone = false;                     // Error where another such request trains in the folder
  std::shared_ptr<FolderLock> lock = {};  // of the folder, where the caller has it
  bool terminal = false;                  // draw one self-overwriting progress line
  // A search's trial: its worker's token, which the folder's file `trial_name` holds as long as the trial is
  // that worker's; Error before a row or a checkpoint is written once another worker has it. The test set is
  // not looked at.
  std::string trial = {};
  std::function<bool(Index step)> should_stop;  // asked after every step; true saves and returns
  // Ranks that train one model together, each with its rows of every batch. All of them make the request;
  // rank 0 alone evaluates, prints and writes. A stop follows one step after the first rank has been asked.
  kernels::Communicator* group = &kernels::Communicator::alone();
  std::function<bool()> ending = {};  // whether this process has been asked to end, by a signal
};

struct TrainOutcome {
  bool finished = false;
  std::string resume = {};  // the command that goes on from here
  Index steps = 0;
  double seconds = 0;                                    // of training in this call, evaluations included
  std::vector<std::pair<std::string, Metrics>> metrics;  // per split, where finished
};

// Writes into the folder: config.json, metrics.jsonl, TensorBoard events, checkpoint.safetensors (parameters,
// optimiser, step), loss.{dat,gnuplot,png,svg}, results.json and what the task adds. A run resumed from its
// checkpoint is bit-identical to one that was never stopped. Throws Error where the folder cannot be written
// or holds another run, and where the loss or the gradient stops being finite (the last checkpoint stays).
// Where a rank dies, the first one that is left saves the last step that was complete, and an Error says how
// to go on.
TrainOutcome train(const TrainRequest& request, std::ostream& out);

// From now on products round their operands as the settings say, in the whole process. train() does it.
void use_precision(const TrainConfig& config);

}  // namespace stillpoint

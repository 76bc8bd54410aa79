// The training loop that all tasks share.
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
  Json made_by = Json::object();          // program, machine, command and date, for the results
  std::filesystem::path folder;           // of the run; made if it is missing
  bool other_data = false;                // continue with data that differ from the checkpoint's
  bool resume = false;                    // resume from the folder's checkpoint
  bool changed = false;                   // whether the resumed run changes settings, and may go on
  bool alone = false;                     // throw Error if another such request trains in the folder
  std::shared_ptr<FolderLock> lock = {};  // of the folder, if the caller holds it
  bool terminal = false;                  // draw one self-overwriting progress line
  // For a search's trial, its worker's token. The folder's file `trial_name` holds it as long as the trial
  // belongs to that worker; if another worker has taken it over, train() throws Error before it writes a row
  // or a checkpoint. A trial does not evaluate the test set.
  std::string trial = {};
  std::function<bool(Index step)> should_stop;  // asked after every step; true saves and returns
  // Ranks that train one model together, each with its rows of every batch. All of them make the request;
  // only rank 0 evaluates, prints and writes. They stop one step after the first rank has been asked to.
  kernels::Communicator* group = &kernels::Communicator::alone();
  std::function<bool()> ending = {};  // whether this process has been asked to end, by a signal
};

struct TrainOutcome {
  bool finished = false;
  std::string resume = {};  // the command that resumes from here
  Index steps = 0;
  double seconds = 0;                                    // of training in this call, including evaluations
  std::vector<std::pair<std::string, Metrics>> metrics;  // per split, if finished
};

// Trains, and writes into the folder: config.json, metrics.jsonl, TensorBoard events, checkpoint.safetensors
// (parameters, optimiser, step), loss.{svg,csv}, results.json and what the task adds. A run
// resumed from its checkpoint is bit-identical to one that was never stopped. Throws Error if the folder
// cannot be written or holds another run, or if the loss or the gradient stops being finite (the last
// checkpoint stays). If a rank dies, the first one that is left saves the last complete step, and an Error
// says how to resume.
TrainOutcome train(const TrainRequest& request, std::ostream& out);

// Sets how products round their operands, in the whole process. train() calls it.
void use_precision(const TrainConfig& config);

}  // namespace stillpoint

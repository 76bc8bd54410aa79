// The tasks by name: each says here how it reads its settings, is made and predicts. A program may add its
// own.
#pragma once
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "models/deq.h"
#include "models/sim.h"
#include "tasks/training/task.h"

namespace stillpoint {

// Settings from one place; later layers override earlier ones.
struct SettingsLayer {
  Json object;
  std::string source;  // errors name it
  Written values = Written::json;
};

// Returns the setting that a flag `--set NAME=VALUE` gives.
inline SettingsLayer set_layer(const std::string& assignment) {
  return {parse_assignment(assignment), "--set " + shown(assignment), Written::spelled};
}

// What `stillpoint predict` was given.
struct PredictRequest {
  std::filesystem::path checkpoint = {};
  std::vector<std::string> inputs = {};
  std::string background = {};                           // of pictures; empty: that of the run, or white
  std::string format = "text";                           // or csv, json, npy
  std::filesystem::path output = {}, fixed_points = {};  // empty: standard output; none
  std::int64_t batch = 0;                                // inputs at a time; 0: the task's own
  bool inverted = false;
  Device device = Device::cpu;

  // One input at a time is solved as if it were the only one, whatever stops a batch.
  std::size_t batch_for(bool solves) const { return std::size_t(batch > 0 ? batch : solves ? 1 : 64); }
  // Throws Error if an option for pictures is given.
  void require_no_pictures() const;
};
// Prints a prediction for each input, and names on `err` those that it cannot read; returns the exit code.
using Predict = int (*)(const PredictRequest& request, std::ostream& out, std::ostream& err);

// Files that the self-test makes: a picture, and a folder with digits as MNIST's.
struct SelftestPlaces {
  std::string picture, digits;
};
// How the self-test runs the models of a task.
struct SelftestRow {
  Json settings;       // beside the task's own sizes, which are the paper's
  Json small;          // over them: sizes that take a second on the CPU; a model's own come on top
  const char* batch;   // the task's own batch size, in words
  Index steps_on_cpu;  // that are timed
};

// The DEQ-Transformer of a checkpoint, with the first sequences of its training and its test set.
struct TrainedDeq {
  DeqTransformer model;
  Tensor fit, held_out;    // token ids int32 (n,length)
  Tensor held_out_labels;  // int32 (n length)
};
// What `spectrum` asks of a task. Both throw Error if the checkpoint holds another model.
struct SpectrumSource {
  TrainedDeq (*deq)(const std::filesystem::path& checkpoint, Index fit, Index held_out);
  SequenceLift (*lift)(const std::filesystem::path& checkpoint);
};

// What a task is, once for every command. Config is a struct with fields(f), a `train` of TrainConfig among
// them. Settings of certain names get flags of their own: `model`, which names the runs, too, `dataset`, and
// the places `image` and `data`.
template <class Config>
struct TaskRow {
  const char *name, *summary;
  std::unique_ptr<Task> (*make)(const Config& config, Device device);
  ModelFamily* models = nullptr;      // of which its setting `model` is one; null: it has only one model
  std::vector<SettingUse> uses = {};  // beside the models' own
  Predict predict = nullptr;          // null: the task has no predictions
  SelftestRow (*selftest)(const SelftestPlaces& places) =
      nullptr;                                  // of its `models`; null: it leaves them out
  std::optional<SpectrumSource> spectrum = {};  // empty: `spectrum` cannot read its runs
};

class TaskKind {
 public:
  virtual ~TaskKind() = default;
  virtual const char* name() const = 0;
  virtual const char* summary() const = 0;
  virtual std::string help() const = 0;  // one line per setting, from the field lists
  // Returns all settings after the layers. Throws Error, which names the layer, for a bad key or value.
  virtual Json resolve(const std::vector<SettingsLayer>& layers) const = 0;
  virtual TrainConfig train_config(const Json& config) const = 0;
  virtual std::unique_ptr<Task> make(const Json& config, Device device) const = 0;
  virtual const ModelFamily* models() const = 0;
  virtual std::vector<SettingUse> uses() const = 0;
  virtual Predict predict() const = 0;
  virtual std::optional<SelftestRow> selftest(const SelftestPlaces& places) const = 0;
  virtual const std::optional<SpectrumSource>& spectrum() const = 0;

  bool has(const char* setting) const { return resolve({}).contains(setting); }
  // Whether it reads files, which may move.
  bool has_places() const { return has("image") || has("data"); }
};

template <class Config>
class TaskKindOf : public TaskKind {
 public:
  explicit TaskKindOf(TaskRow<Config> row) : row_(std::move(row)) {}

  const char* name() const override { return row_.name; }
  const char* summary() const override { return row_.summary; }
  std::string help() const override {
    ConfigHelp lines;
    Config().fields(lines);
    return lines.text();
  }
  Json resolve(const std::vector<SettingsLayer>& layers) const override {
    Config config;
    for (const SettingsLayer& layer : layers) read_config(config, layer.object, layer.source, layer.values);
    return write_config(config);
  }
  TrainConfig train_config(const Json& config) const override { return parse(config).train; }
  std::unique_ptr<Task> make(const Json& config, Device device) const override {
    return row_.make(parse(config), device);
  }
  const ModelFamily* models() const override { return row_.models; }
  std::vector<SettingUse> uses() const override {
    std::vector<SettingUse> uses = row_.models ? row_.models->uses() : std::vector<SettingUse>();
    uses.insert(uses.end(), row_.uses.begin(), row_.uses.end());
    return uses;
  }
  Predict predict() const override { return row_.predict; }
  std::optional<SelftestRow> selftest(const SelftestPlaces& places) const override {
    return row_.selftest ? std::optional(row_.selftest(places)) : std::nullopt;
  }
  const std::optional<SpectrumSource>& spectrum() const override { return row_.spectrum; }

 private:
  static Config parse(const Json& json) {
    Config config;
    read_config(config, json, "configuration");
    return config;
  }
  TaskRow<Config> row_;
};

// Makes the task known to every command. Throws Error if another one has its name.
void register_task(std::unique_ptr<const TaskKind> kind);
template <class Config>
void register_task(TaskRow<Config> row) {
  register_task(std::make_unique<TaskKindOf<Config>>(std::move(row)));
}

// Returns TASK-MODEL, or TASK if the settings name no model: the name of runs, studies and search spaces.
std::string name_of_run(const TaskKind& kind, const Json& config);

// Removes the places of files on this machine from settings: drops `data`, and keeps only the file name of
// `image`.
Json without_places(Json settings);

const std::vector<const TaskKind*>& task_kinds();
const TaskKind& task_kind(std::string_view name);  // throws Error, with the nearest name, if unknown
// Returns the names of the tasks that have something, for help and errors.
std::string tasks_with(const std::function<bool(const TaskKind&)>& has);

}  // namespace stillpoint

// The tasks by name: how each reads its settings, explains them and is made.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tasks/training/task.h"

namespace stillpoint {

// Settings from one place; later layers override earlier ones.
struct SettingsLayer {
  Json object;
  std::string source;  // named in errors
  Written values = Written::json;
};

class TaskKind {
 public:
  virtual ~TaskKind() = default;
  virtual const char* name() const = 0;
  virtual const char* summary() const = 0;
  virtual std::string help() const = 0;  // one line per setting, from the field lists
  // All settings after the layers; Error for an unknown key or a bad value, naming its layer.
  virtual Json resolve(const std::vector<SettingsLayer>& layers) const = 0;
  virtual TrainConfig train_config(const Json& config) const = 0;
  virtual std::unique_ptr<Task> make(const Json& config, Device device) const = 0;
};

// Settings without where this machine keeps its files: no `data`, and of `image` the file's name.
Json without_places(Json settings);

const std::vector<const TaskKind*>& task_kinds();
const TaskKind& task_kind(std::string_view name);  // Error for another, with the nearest name

}  // namespace stillpoint

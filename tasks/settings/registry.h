// The tasks by name: each reads its settings, explains them, and is made here.
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
  std::string source;  // errors name it
  Written values = Written::json;
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
};

// Removes places on this machine from settings: drops `data`, and keeps only the file name of `image`.
Json without_places(Json settings);

const std::vector<const TaskKind*>& task_kinds();
const TaskKind& task_kind(std::string_view name);  // throws Error, with the nearest name, if unknown

}  // namespace stillpoint

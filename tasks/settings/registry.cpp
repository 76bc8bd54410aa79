// Lists the tasks, and reads their settings.
#include "tasks/settings/registry.h"

#include <filesystem>

#include "tasks/paper/copy_memory.h"
#include "tasks/paper/image_classification.h"
#include "tasks/paper/image_regression.h"
#include "tasks/sequences/sequence_task.h"

namespace stillpoint {
namespace {

struct Registry {
  std::vector<std::unique_ptr<const TaskKind>> owned;
  std::vector<const TaskKind*> kinds;

  Registry() {
    add(std::make_unique<TaskKindOf<CopyMemoryConfig>>(copy_memory_task()));
    add(std::make_unique<TaskKindOf<ImageRegressionConfig>>(image_regression_task()));
    add(std::make_unique<TaskKindOf<ImageClassificationConfig>>(image_classification_task()));
    add(std::make_unique<TaskKindOf<SequenceConfig>>(sequence_task()));
  }
  void add(std::unique_ptr<const TaskKind> kind) {
    for (const TaskKind* other : kinds)
      require(std::string_view(kind->name()) != other->name(), "task: given a second '", kind->name(),
              "', expected a name of its own, choose another");
    kinds.push_back(kind.get());
    owned.push_back(std::move(kind));
  }
};

Registry& registry() {
  static Registry all;
  return all;
}

}  // namespace

void PredictRequest::require_no_pictures() const {
  require(background.empty() && !inverted, inverted ? "--invert" : "--background",
          ": given with a run that takes no pictures, where it would do nothing, expected one of ",
          "image-classification, leave it out");
}

void register_task(std::unique_ptr<const TaskKind> kind) { registry().add(std::move(kind)); }

const std::vector<const TaskKind*>& task_kinds() { return registry().kinds; }

const TaskKind& task_kind(std::string_view name) {
  std::vector<std::string> names;
  for (const TaskKind* kind : task_kinds()) {
    if (name == kind->name()) return *kind;
    names.push_back(kind->name());
  }
  fail("task: given '", shown(name), "', expected one of ", join(names), did_you_mean(name, names));
}

std::string tasks_with(const std::function<bool(const TaskKind&)>& has) {
  std::vector<std::string> names;
  for (const TaskKind* kind : task_kinds())
    if (has(*kind)) names.push_back(kind->name());
  return join(names);
}

std::string name_of_run(const TaskKind& kind, const Json& config) {
  const auto model = config.find("model");
  return model == config.end() ? kind.name() : text(kind.name(), "-", model->get<std::string>());
}

Json without_places(Json settings) {
  settings.erase("data");
  if (const auto image = settings.find("image"); image != settings.end() && image->is_string())
    *image = std::filesystem::path(image->get<std::string>()).filename().string();
  return settings;
}

}  // namespace stillpoint

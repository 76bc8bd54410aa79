// Lists the tasks, and reads their settings.
#include "tasks/settings/registry.h"

#include <filesystem>

#include "tasks/paper/copy_memory.h"
#include "tasks/paper/image_classification.h"
#include "tasks/paper/image_regression.h"

namespace stillpoint {
namespace {

template <class Config>
class TaskKindOf : public TaskKind {
 public:
  using Make = std::unique_ptr<Task> (*)(const Config&, Device);
  TaskKindOf(const char* name, const char* summary, Make maker)
      : name_(name), summary_(summary), make_(maker) {}

  const char* name() const override { return name_; }
  const char* summary() const override { return summary_; }
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
    return make_(parse(config), device);
  }

 private:
  static Config parse(const Json& json) {
    Config config;
    read_config(config, json, "configuration");
    return config;
  }
  const char *name_, *summary_;
  Make make_;
};

const TaskKindOf<CopyMemoryConfig> copy_memory("copy-memory",
                                               "recall ten digits after a long blank (paper, Table 1)",
                                               make_copy_memory);
const TaskKindOf<ImageRegressionConfig> image_regression(
    "image-regression", "colours of a picture from its coordinates (paper, Table 3)", make_image_regression);

const TaskKindOf<ImageClassificationConfig> image_classification(
    "image-classification", "digits, clothes and small photographs (paper, Table 2)",
    make_image_classification);

}  // namespace

Json without_places(Json settings) {
  settings.erase("data");
  if (const auto image = settings.find("image"); image != settings.end() && image->is_string())
    *image = std::filesystem::path(image->get<std::string>()).filename().string();
  return settings;
}

const std::vector<const TaskKind*>& task_kinds() {
  static const std::vector<const TaskKind*> kinds{&copy_memory, &image_regression, &image_classification};
  return kinds;
}

const TaskKind& task_kind(std::string_view name) {
  std::vector<std::string> names;
  for (const TaskKind* kind : task_kinds()) {
    if (name == kind->name()) return *kind;
    names.push_back(kind->name());
  }
  fail("task: given '", shown(name), "', expected one of ", join(names), did_you_mean(name, names));
}

}  // namespace stillpoint

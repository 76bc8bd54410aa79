// Flags that more than one command has.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/settings/registry.h"

namespace CLI {
class Option;
class App;  // its header takes five seconds to compile
}  // namespace CLI

namespace stillpoint {

void add_threads(CLI::App& app, int& threads);
void set_threads(int threads);
CLI::Option* add_precision(CLI::App& app, std::string& precision);
CLI::Option* add_settings(CLI::App& app, std::vector<std::string>& assignments);  // --set

struct CommonFlags {
  std::string device = "auto";
  int threads = 0;

  void add_to(CLI::App& app);
  Device apply() const;
};

// The flags that set a task's settings.
struct SettingsFlags {
  std::string image, dataset, data, model, init, preset, config;
  std::vector<std::string> assignments;
  std::int64_t seed = -1;

  void add_to(CLI::App& app, const TaskKind& kind);
  bool any() const;
  // Returns the preset, the file, --set and then the settings that have their own flags; later layers win.
  std::vector<SettingsLayer> layers(const TaskKind& kind) const;
};

}  // namespace stillpoint

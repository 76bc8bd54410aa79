// Flags that several commands share.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "tasks/settings/registry.h"

namespace CLI {
class App;  // its header takes five seconds to compile
}

namespace stillpoint {

void add_threads(CLI::App& app, int& threads);
void set_threads(int threads);
void add_precision(CLI::App& app, std::string& precision);

struct CommonFlags {
  std::string device = "auto";
  int threads = 0;

  void add_to(CLI::App& app);
  Device apply() const;
};

// Settings of a task.
struct SettingsFlags {
  std::string image, dataset, data, model, preset, config;
  std::vector<std::string> assignments;
  std::int64_t seed = -1;

  void add_to(CLI::App& app, std::string_view task);
  bool any() const;
  // Later layers win: preset, file, --set, then the flags of their own.
  std::vector<SettingsLayer> layers(const TaskKind& kind) const;
};

}  // namespace stillpoint

// Lists which settings are used only with certain values of others.
#include "tasks/settings/idle_settings.h"

#include <algorithm>

namespace stillpoint {
namespace {

// Settings of training, which every task has.
std::vector<SettingUse> common_uses() {
  return {{{"beta1"}, {"optimiser"}, {"adam", "adamw"}},
          {{"beta2", "eps"}, {"optimiser"}, {"adam", "adamw", "rmsprop"}},
          {{"momentum"}, {"optimiser"}, {"rmsprop", "sgd"}},
          {{"beta1"}, {"schedule"}, {"constant", "step", "cosine"}},  // 1cycle changes beta1
          {{"step_epochs"}, {"schedule"}, {"step"}},
          {{"precision"}, {"dtype"}, {"float32"}}};
}

bool holds(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

void require_used(const SettingUse& use, const std::string& setting, const std::string& source,
                  const Json& config, const std::set<std::string>& open) {
  std::string given;
  for (const std::string& owner : use.owners) {
    const std::string value = config.at(owner).get<std::string>();
    if (open.contains(owner) || holds(use.values, value)) return;
    given += text(given.empty() ? "" : " and ", owner, " ", value);
  }
  fail(source, ": ", setting, " is given with ", given, ", where it would do nothing, expected it with ",
       join(use.owners), " ", join(use.values), ", leave it out or set ", use.owners.front());
}

}  // namespace

void refuse_idle_settings(const TaskKind& kind, const std::vector<SettingsLayer>& layers, const Json& config,
                          const std::set<std::string>& open) {
  std::vector<SettingUse> uses = common_uses();
  for (SettingUse& use : kind.uses()) uses.push_back(std::move(use));
  for (const SettingsLayer& layer : layers) {
    if (layer.values != Written::spelled) continue;
    for (const auto& [setting, value] : layer.object.items())
      for (const SettingUse& use : uses)
        if (holds(use.settings, setting)) require_used(use, setting, layer.source, config, open);
  }
}

}  // namespace stillpoint

// Refuses settings that a user names although they would do nothing.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "tasks/settings/registry.h"

namespace stillpoint {

// Throws Error if a layer from the command line (Written::spelled) names a setting that these resolved
// settings do not use, such as momentum without SGD; it says what would use it. Presets and files may hold
// more than a run uses. `open` lists settings still to be drawn, which may get any value.
void refuse_idle_settings(const TaskKind& kind, const std::vector<SettingsLayer>& layers, const Json& config,
                          const std::set<std::string>& open = {});

}  // namespace stillpoint

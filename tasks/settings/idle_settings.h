// Settings that a user names and that would do nothing.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "tasks/settings/registry.h"

namespace stillpoint {

// Error where a layer of settings from the command line (Written::spelled) names one that these resolved
// settings do not use, as momentum without SGD; it says with what it would be used. Presets and files may
// hold more than a run uses. `open`: settings that are still to be drawn, so that all of their values are
// possible.
void refuse_idle_settings(const TaskKind& kind, const std::vector<SettingsLayer>& layers, const Json& config,
                          const std::set<std::string>& open = {});

}  // namespace stillpoint

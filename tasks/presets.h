// Presets: settings shipped as JSON, one file each under presets/TASK/NAME.json.
#pragma once
#include <string>
#include <vector>

#include "engine/config.h"

namespace stillpoint {

// Names of a task's presets, sorted.
std::vector<std::string> preset_names(const std::string& task);
// The settings; Error with the known names where there is no such preset.
Json load_preset(const std::string& task, const std::string& name);
// The folder in use, or why there is none.
std::string describe_preset_folder();

}  // namespace stillpoint

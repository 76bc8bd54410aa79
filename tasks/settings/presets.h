// The JSON that is shipped: settings, presets/TASK/NAME.json, and search spaces, spaces/TASK-MODEL.json. Both
// are inside the program. A file in the folder that STILLPOINT_PRESETS or STILLPOINT_SPACES names takes
// precedence over the program's own file of the same name.
#pragma once
#include <string>
#include <vector>

#include "engine/config.h"

namespace stillpoint {

// Returns the names of a task's presets, sorted.
std::vector<std::string> preset_names(const std::string& task);
// Returns the settings. Throws Error, with the known names, if there is no such preset.
Json load_preset(const std::string& task, const std::string& name);
std::vector<std::string> space_names();
Json load_space_file(const std::string& name);
// Describes how many presets there are, and which folder takes precedence over the program's own.
std::string describe_presets();

}  // namespace stillpoint

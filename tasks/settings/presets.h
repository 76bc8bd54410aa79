// What is shipped as JSON: settings, presets/TASK/NAME.json, and search spaces, spaces/TASK-MODEL.json. Both
// travel inside the program; a file of the folder that STILLPOINT_PRESETS or STILLPOINT_SPACES names goes
// before the program's own file of the same name.
#pragma once
#include <string>
#include <vector>

#include "engine/config.h"

namespace stillpoint {

// Names of a task's presets, sorted.
std::vector<std::string> preset_names(const std::string& task);
// The settings; Error with the known names where there is no such preset.
Json load_preset(const std::string& task, const std::string& name);
std::vector<std::string> space_names();
Json load_space_file(const std::string& name);
// How many presets there are, and which folder goes before the program's own.
std::string describe_presets();

}  // namespace stillpoint

// Finding presets: STILLPOINT_PRESETS, the installed folder beside the program, the source tree.
#include "tasks/presets.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

fs::path preset_folder() {
  std::vector<fs::path> candidates;
  if (const char* const given = std::getenv("STILLPOINT_PRESETS")) candidates.push_back(given);
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  candidates.push_back(program.parent_path().parent_path() / "share/stillpoint/presets");
  candidates.push_back(STILLPOINT_PRESETS_INSTALLED);
  candidates.push_back(STILLPOINT_PRESETS);
  for (const fs::path& folder : candidates)
    if (fs::is_directory(folder, ignored)) return folder;
  return {};
}

}  // namespace

std::vector<std::string> preset_names(const std::string& task) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(preset_folder() / task, ignored))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

Json load_preset(const std::string& task, const std::string& name) {
  const std::vector<std::string> names = preset_names(task);
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    std::string known;
    for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
    fail("--preset: given '", name, "', expected one of ", known.empty() ? "(none found)" : known,
         "; set STILLPOINT_PRESETS where they are kept elsewhere");
  }
  return read_json_file((preset_folder() / task / (name + ".json")).string());
}

std::string describe_preset_folder() {
  const fs::path folder = preset_folder();
  return folder.empty() ? "not found; set STILLPOINT_PRESETS to the folder" : folder.string();
}

}  // namespace stillpoint

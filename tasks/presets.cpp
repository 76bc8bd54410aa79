// Finding them: an environment variable, the installed folder beside the program, the source tree.
#include "tasks/presets.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

struct Shipped {
  const char *folder, *variable;
};
constexpr Shipped presets{"presets", "STILLPOINT_PRESETS"}, spaces{"spaces", "STILLPOINT_SPACES"};

fs::path folder_of(const Shipped& what) {
  std::vector<fs::path> candidates;
  if (const char* const given = std::getenv(what.variable)) candidates.push_back(given);
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  for (const fs::path& share : {program.parent_path().parent_path() / "share/stillpoint",
                                fs::path(STILLPOINT_SHARE_INSTALLED), fs::path(STILLPOINT_SHARE)})
    candidates.push_back(share / what.folder);
  for (const fs::path& folder : candidates)
    if (fs::is_directory(folder, ignored)) return folder;
  return {};
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

Json load(const Shipped& what, const fs::path& folder, const std::string& name, const char* flag) {
  const std::vector<std::string> names = names_in(folder);
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    std::string known;
    for (const std::string& n : names) known += (known.empty() ? "" : ", ") + n;
    fail(flag, ": given '", name, "', expected one of ", known.empty() ? "(none found)" : known, "; set ",
         what.variable, " where they are kept elsewhere");
  }
  return read_json_file((folder / (name + ".json")).string());
}

}  // namespace

std::vector<std::string> preset_names(const std::string& task) { return names_in(folder_of(presets) / task); }

Json load_preset(const std::string& task, const std::string& name) {
  return load(presets, folder_of(presets) / task, name, "--preset");
}

std::vector<std::string> space_names() { return names_in(folder_of(spaces)); }

Json load_space_file(const std::string& name) { return load(spaces, folder_of(spaces), name, "--space"); }

std::string describe_preset_folder() {
  const fs::path folder = folder_of(presets);
  return folder.empty() ? "not found; set STILLPOINT_PRESETS to the folder" : folder.string();
}

}  // namespace stillpoint

// Finds presets and spaces in the folder that an environment variable names, then in the program itself.
#include "tasks/settings/presets.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "tasks/settings/shipped.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

struct Kind {
  const char *folder, *variable, *flag;
};
constexpr Kind presets{"presets", "STILLPOINT_PRESETS", "--preset"};
constexpr Kind spaces{"spaces", "STILLPOINT_SPACES", "--space"};

// Returns an empty path if the variable is not set.
fs::path own_folder(const Kind& kind) {
  const char* const given = std::getenv(kind.variable);
  if (given == nullptr || *given == '\0') return {};
  std::error_code ignored;
  require(fs::is_directory(given, ignored), kind.variable, ": given ", shown(given),
          ", expected a folder of JSON files, correct the variable or unset it");
  return given;
}

// `group` is a subfolder of the kind's own folder, with its slash, or empty.
std::vector<std::string> names_of(const Kind& kind, const std::string& group) {
  std::set<std::string> names;
  std::error_code ignored;
  if (const fs::path own = own_folder(kind); !own.empty())
    for (const auto& entry : fs::directory_iterator(own / group, ignored))
      if (entry.path().extension() == ".json") names.insert(entry.path().stem().string());
  const std::string start = text(kind.folder, '/', group);
  for (const ShippedFile& file : shipped_files())
    if (file.name.starts_with(start)) names.insert(fs::path(file.name.substr(start.size())).stem().string());
  return {names.begin(), names.end()};
}

Json load(const Kind& kind, const std::string& group, const std::string& name) {
  const std::vector<std::string> names = names_of(kind, group);
  if (std::find(names.begin(), names.end(), name) == names.end())
    fail(kind.flag, ": given '", shown(name), "', expected one of ", join(names), did_you_mean(name, names),
         "; set ", kind.variable, " to a folder of others");
  const std::string file = group + name + ".json";
  if (const fs::path own = own_folder(kind); !own.empty() && fs::exists(own / file))
    return read_json_file(own / file);
  const std::string full = text(kind.folder, '/', file);
  return parse_json(std::string(shipped_file(full)), full);
}

}  // namespace

std::string_view shipped_file(std::string_view name) {
  for (const ShippedFile& file : shipped_files())
    if (file.name == name) return file.text;
  fail("program: given the file '", shown(name), "', expected one of those that cmake/Shipped.cmake lists");
}

std::vector<std::string> preset_names(const std::string& task) { return names_of(presets, task + "/"); }

Json load_preset(const std::string& task, const std::string& name) { return load(presets, task + "/", name); }

std::vector<std::string> space_names() { return names_of(spaces, ""); }

Json load_space_file(const std::string& name) { return load(spaces, "", name); }

std::string describe_presets() {
  const std::string start = text(presets.folder, '/');
  const auto files = shipped_files();
  const auto own = std::count_if(files.begin(), files.end(),
                                 [&](const ShippedFile& file) { return file.name.starts_with(start); });
  const char* const folder = std::getenv(presets.variable);
  return text(own, " in the program", folder == nullptr ? "" : text("; before them those of ", folder));
}

}  // namespace stillpoint

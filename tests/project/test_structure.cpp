// Checks the direction of includes (kernels <- engine <- solvers <- models <- tasks) and who may name a
// vendor's library.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>

#include "engine/io/files.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;
const fs::path root = STILLPOINT_SOURCE_DIR;
const std::vector<std::string> layers{"kernels", "engine", "solvers", "models", "tasks"};

// The Python module is a program: it stands on what it binds.
int layer_of(const std::string& path) {
  if (path.starts_with("engine/python/")) return int(layers.size());
  const std::string first = path.substr(0, path.find('/'));
  const auto found = std::find(layers.begin(), layers.end(), first);
  return found == layers.end() ? -1 : int(found - layers.begin());
}

struct Include {
  std::string file, target;
  bool quoted;
};

std::vector<Include> includes_below(const std::string& folder) {
  std::vector<Include> found;
  const std::regex pattern(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
    const std::string extension = entry.path().extension();
    if (extension != ".h" && extension != ".cpp" && extension != ".cu") continue;
    std::ifstream in(entry.path());
    std::smatch match;
    for (std::string line; std::getline(in, line);)
      if (std::regex_search(line, match, pattern))
        found.push_back({fs::relative(entry.path(), root).string(), match[2], match[1] == "\""});
  }
  return found;
}

}  // namespace

TEST_CASE("includes go one way: kernels <- engine <- solvers <- models <- tasks", "[structure]") {
  std::size_t checked = 0;
  for (const std::string& folder : layers) {
    if (!fs::exists(root / folder)) continue;
    for (const Include& include : includes_below(folder)) {
      if (!include.quoted) continue;
      ++checked;
      INFO(include.file << " includes " << include.target);
      CHECK(fs::exists(root / include.target));
      CHECK(layer_of(include.target) >= 0);
      CHECK(layer_of(include.target) <= layer_of(include.file));
    }
  }
  CHECK(checked > 100);
}

TEST_CASE("only kernels name a vendor library (and info, which reports its version)", "[structure]") {
  const std::regex vendor(R"(^(cuda|cublas|cudnn|cub/|thrust/|nvtx3|dnnl|oneapi/dnnl|mpi\.h|nccl))");
  for (const std::string& folder : layers) {
    if (folder == "kernels" || !fs::exists(root / folder)) continue;
    for (const Include& include : includes_below(folder)) {
      if (include.file == "tasks/selftest/info.cpp") continue;
      INFO(include.file << " includes " << include.target);
      CHECK_FALSE(std::regex_search(include.target, vendor));
    }
  }
}

TEST_CASE("tasks see nothing whose size depends on the instruction set", "[structure]") {
  std::vector<Include> all;
  std::set<std::string> dependent;
  for (const std::string& folder : layers)
    for (Include& include : includes_below(folder)) {
      if (folder != "tasks" && read_file(root / include.file).find("__AVX") != std::string::npos)
        dependent.insert(include.file);
      all.push_back(std::move(include));
    }
  CHECK(dependent.contains("kernels/launch/simd.h"));
  for (std::size_t before = 0; before != dependent.size();) {
    before = dependent.size();
    for (const Include& include : all)
      if (dependent.contains(include.target)) dependent.insert(include.file);
  }
  CHECK(dependent.contains("kernels/gemm/cpu.cpp"));
  // A portable build compiles tasks and kernels for different processors.
  for (const std::string& file : dependent) {
    INFO(file);
    CHECK_FALSE(file.starts_with("tasks/"));
  }
}

TEST_CASE("a room of kernels stands on itself and on the rooms for all", "[structure]") {
  const std::set<std::string> for_all{"device", "host", "launch", "group"};
  const std::set<std::pair<std::string, std::string>> exceptions{
      {"conv2d", "gemm"},           // precision(): tensor cores serve products and convolutions alike
      {"sim_head", "gemm"},         // precision() again; and wide layers are products
      {"sim_head", "lift"},         // of a chain too wide to fuse
      {"losses", "strided"},        // the sum over all elements
      {"monotone", "root_solver"},  // both keep an iteration's state per sample, in the same chunks
  };
  const auto room_of = [](const std::string& path) {
    return path.starts_with("kernels/") ? path.substr(8, path.find('/', 8) - 8) : "";
  };
  std::set<std::pair<std::string, std::string>> crossed;
  for (const Include& include : includes_below("kernels")) {
    const std::string from = room_of(include.file), to = room_of(include.target);
    if (to.empty() || to == from || for_all.contains(to)) continue;
    INFO(include.file << " includes " << include.target);
    CHECK(exceptions.contains({from, to}));
    crossed.insert({from, to});
  }
  CHECK(crossed == exceptions);
}

TEST_CASE("only a task's own files, the registry, the paper's tables and workloads name a task",
          "[structure]") {
  const std::regex task("(copy|image)[-_](memory|regression|classification)");
  std::set<std::string> naming;
  for (const auto& entry : fs::recursive_directory_iterator(root / "tasks")) {
    const std::string path = fs::relative(entry.path(), root).string();
    const bool code = path.ends_with(".cpp") || path.ends_with(".h");
    if (code && !path.starts_with("tasks/bench/") && std::regex_search(read_file(root / path), task))
      naming.insert(path);
  }
  for (const char* const generic : {"tasks/reproduce/paper.cpp", "tasks/settings/registry.cpp"})
    CHECK(naming.erase(generic) == 1);
  CHECK(naming.size() == 10);
  for (const std::string& path : naming) CHECK(path.starts_with("tasks/paper/"));
}

TEST_CASE("no two headers share a base name", "[structure]") {
  std::map<std::string, std::string> seen;
  for (const std::string& folder : layers)
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".h") continue;
      const std::string path = fs::relative(entry.path(), root).string();
      const auto [first, is_new] = seen.emplace(entry.path().filename().string(), path);
      INFO(path << " and " << first->second);
      CHECK(is_new);
    }
}

TEST_CASE("no folder holds more than 20 files, and no source more than 400 lines", "[structure]") {
  const std::set<std::string> sources{".h", ".cpp", ".cu", ".py", ".sh", ".cmake", ".txt", ""};
  std::map<std::string, int> files;
  std::vector<std::string> folders = layers;
  folders.insert(folders.end(), {"bench", "cmake", "docs", "tests"});
  for (const std::string& folder : folders)
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const std::string path = fs::relative(entry.path(), root).string();
      if (!entry.is_regular_file() || path.find("__pycache__") != path.npos) continue;
      ++files[fs::path(path).parent_path().string()];
      if (!sources.contains(entry.path().extension())) continue;
      const std::string content = read_file(entry.path());
      INFO(path);
      CHECK(std::count(content.begin(), content.end(), '\n') <= 400);
    }
  for (const auto& [folder, count] : files) {
    INFO(folder);
    CHECK(count <= 20);
  }
}

TEST_CASE("no two headers give types of one namespace the same name", "[structure]") {
  const std::regex scope(R"(^namespace (\S+) \{|^\}  // namespace)"),
      type(
          R"(^(?:template <.*> )?(?:struct|class|enum class|union) (\w+)(?: final)?(?: :.*)? \{|^using (\w+) =)");
  std::map<std::string, std::pair<std::string, std::string>> seen;  // file and line of each
  for (const std::string& folder : layers)
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".h") continue;
      const std::string path = fs::relative(entry.path(), root).string();
      std::ifstream in(entry.path());
      std::string space;
      std::smatch match;
      for (std::string line; std::getline(in, line);) {
        if (std::regex_search(line, match, scope)) space = match[1];
        if (!std::regex_search(line, match, type)) continue;
        const auto [first, is_new] =
            seen.emplace(space + "::" + match[1].str() + match[2].str(), std::pair(path, line));
        INFO(first->first << " in " << path << " and " << first->second.first);
        CHECK((is_new || (match[2].matched && first->second.second == line)));  // two equal aliases are one
      }
    }
  CHECK(seen.size() > 300);
}

TEST_CASE("the top level holds only the agreed entries", "[structure]") {
  const std::string agreed =
      " CHANGELOG.md CITATION.cff CMakeLists.txt CMakePresets.json CONTRIBUTING.md LICENSE README.md "
      "SECURITY.md pyproject.toml"  // pip looks for it here
      " bench build cmake docs engine kernels models runs solvers tasks tests tune ";
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename();
    INFO(name);
    CHECK((name.starts_with(".") || agreed.find(" " + name + " ") != std::string::npos));
  }
}

}  // namespace stillpoint

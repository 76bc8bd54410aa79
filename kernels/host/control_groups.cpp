// Reads /proc/self/cgroup, whose lines are "id:controllers:path", without controllers for version 2; the
// kernel does not escape the path.
#include "kernels/host/control_groups.h"

#include <fstream>
#include <sstream>

#include "kernels/device/error.h"

namespace stillpoint::kernels {

std::vector<std::filesystem::path> control_groups(const std::string& controller,
                                                  const std::string& memberships,
                                                  const std::filesystem::path& root) {
  using std::filesystem::path;
  std::vector<path> folders;
  std::istringstream lines(memberships);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string all = line.substr(first + 1, second - first - 1);
    if (!all.empty() && text(",", all, ",").find(text(",", controller, ",")) == std::string::npos) continue;
    for (const path& mount : {root, root / (all.empty() ? "unified" : controller), root / all})
      for (path group = path(line.substr(second + 1)).relative_path();; group = group.parent_path()) {
        folders.push_back(mount / group);
        if (group.empty()) break;
      }
  }
  return folders;
}

std::string own_memberships() {
  std::ostringstream all;
  all << std::ifstream("/proc/self/cgroup").rdbuf();
  return all.str();
}

}  // namespace stillpoint::kernels

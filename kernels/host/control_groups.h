// The control groups of this process, whose limits are files.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace stillpoint::kernels {

// Returns the folders of the groups that control "cpu" or "memory", of either version, and of the groups
// around them, which limit as well. In a container a path may be the host's, but the file system only the
// container's, so some folders may not exist: a reader takes a missing file for no limit. `memberships` is
// the text of /proc/self/cgroup; the groups' file systems are mounted below `root`.
std::vector<std::filesystem::path> control_groups(const std::string& controller,
                                                  const std::string& memberships,
                                                  const std::filesystem::path& root);

// Return that text and that folder for this process.
std::string own_memberships();
inline const char* const groups_root = "/sys/fs/cgroup";

}  // namespace stillpoint::kernels

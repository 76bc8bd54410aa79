// The control groups of this process, whose limits are files.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace stillpoint::kernels {

// Folders of the groups that control "cpu" or "memory", of either version, and of the groups around them,
// which limit as well. In a container a path may be that of the host, and the file system that of the
// container only, so some folders may not exist: who reads a file there takes a missing one for no limit.
// `memberships` is the text of /proc/self/cgroup; the groups' file systems are mounted below `root`.
std::vector<std::filesystem::path> control_groups(const std::string& controller,
                                                  const std::string& memberships,
                                                  const std::filesystem::path& root);

// Of this process: that text, and that folder.
std::string own_memberships();
inline const char* const groups_root = "/sys/fs/cgroup";

}  // namespace stillpoint::kernels

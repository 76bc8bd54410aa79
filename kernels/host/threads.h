// When the CPU's loops take more than one thread, and how many there are to take.
#pragma once
#include <string>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Elements under which a second thread costs more than it saves.
inline constexpr Index serial_below = 16384;
// Elements of a piece of a loop.
inline constexpr Index piece_elements = serial_below / 4;

// Cores that this process may run on, at most what the CPU quota of its control groups pays for.
int cores();
// At most n of them: the quota rounded to the nearest number of cores, at least 1.
int within_quota(int n);
// CPU quota in cores of the control groups that are named in this text of /proc/self/cgroup, 0 where they
// have none. Their file systems are mounted below `root`.
double quota(const std::string& memberships, const std::string& root);
// "2 cores, CPU quota 1.5"
std::string describe_cores();

}  // namespace stillpoint::kernels

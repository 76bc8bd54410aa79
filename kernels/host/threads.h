// When the CPU's loops use more than one thread, and how many cores there are.
#pragma once
#include <string>

#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Elements under which a second thread costs more than it saves.
inline constexpr Index serial_below = 16384;
// Elements of a piece of a loop.
inline constexpr Index piece_elements = serial_below / 4;

// Returns the cores that this process may run on, at most what the CPU quota of its control groups pays for.
int cores();
// Returns at most n of them: the quota rounded to the nearest number of cores, at least 1.
int within_quota(int n);
// Returns the CPU quota, in cores, of the control groups in this text of /proc/self/cgroup; 0 if they have
// none. Their file systems are mounted below `root`.
double quota(const std::string& memberships, const std::string& root);
// Returns "2 cores, CPU quota 1.5".
std::string describe_cores();

}  // namespace stillpoint::kernels

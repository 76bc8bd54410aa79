// Describes what this program runs on: device, instruction set, libraries.
#pragma once
#include <string>
#include <vector>

#include "engine/config.h"
#include "kernels/device/memory.h"

namespace stillpoint {

// Returns one `name: value` line each for version, processor, threads, libraries, devices and tools, also for
// those that are missing.
std::string describe_system();

// Returns the lines of describe_system() as an object, with the date in UTC and the words of the command.
Json made_by(const std::vector<std::string>& command);

// Turns "auto", "cpu" or "cuda" into a device. "auto" takes a GPU if one works. Throws Error, with the
// reason, for "cuda" if none works.
Device device_named(const std::string& name);
// Returns why a user who may expect a GPU gets none. Empty if one works, or if nothing here was made for one.
std::string why_not_cuda();

}  // namespace stillpoint

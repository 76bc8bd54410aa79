// What this program runs on: device, instruction set, libraries.
#pragma once
#include <string>

#include "kernels/device/memory.h"

namespace stillpoint {

// One `name: value` line each for version, processor, threads, libraries, devices, tools; what is missing is
// named.
std::string describe_system();

// "auto", "cpu" or "cuda" to a device. "auto" takes a GPU where one works; "cuda" is an Error that says why
// where none does.
Device device_named(const std::string& name);
// Why a user who may expect a GPU gets none; empty where one works, and where nothing here was made for one.
std::string why_not_cuda();

}  // namespace stillpoint

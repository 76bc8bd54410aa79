// Finds the Python that runs this program's scripts.
#pragma once
#include <string>

namespace stillpoint {

// Returns `given`; if it is empty STILLPOINT_PYTHON, else the Python that dev.sh has made beside the build
// folders, or the system's.
std::string python_program(const std::string& given = {});

}  // namespace stillpoint

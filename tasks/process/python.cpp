// Looks for Python where a user or dev.sh has put it.
#include "tasks/process/python.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace stillpoint {

std::string python_program(const std::string& given) {
  if (!given.empty()) return given;
  if (const char* const named = std::getenv("STILLPOINT_PYTHON"); named != nullptr && *named != 0)
    return named;
  std::error_code ignored;
  const std::filesystem::path built =
      std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().parent_path() /
      "python/bin/python3";
  return ::access(built.c_str(), X_OK) == 0 ? built.string() : "python3";
}

}  // namespace stillpoint

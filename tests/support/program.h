// Runs the program as a child process: starts it, waits for it, reads its output.
#pragma once
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "engine/io/files.h"
#include "tests/support/catch.h"

namespace stillpoint::test {

// Starts a command in `folder`; its output goes to a file there.
inline pid_t start_command(const std::filesystem::path& folder, const std::vector<std::string>& words) {
  const std::string output = (folder / "output.txt").string();
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::vector<char*> argv;
    for (const std::string& a : words) argv.push_back(const_cast<char*>(a.c_str()));
    argv.push_back(nullptr);
    if (::chdir(folder.c_str()) != 0 || ::freopen(output.c_str(), "w", stdout) == nullptr || ::dup2(1, 2) < 0)
      ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  return child;
}

// Starts the program.
inline pid_t start(const std::filesystem::path& folder, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), STILLPOINT_PROGRAM);
  return start_command(folder, arguments);
}

struct Result {
  int code;  // exit code, or 128 + signal
  std::string output;
};

inline Result finish(pid_t child, const std::filesystem::path& folder) {
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(folder / "output.txt")};
}

inline Result run(const std::filesystem::path& folder, const std::vector<std::string>& arguments) {
  return finish(start(folder, arguments), folder);
}

inline void wait_for(const std::filesystem::path& path) {
  for (int i = 0; i < 600 && !std::filesystem::exists(path); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  REQUIRE(std::filesystem::exists(path));
}

}  // namespace stillpoint::test

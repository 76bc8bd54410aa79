// Runs the command line in this process, and keeps what it wrote.
#pragma once
#include <sstream>
#include <string>
#include <vector>

#include "tasks/command/cli.h"

namespace stillpoint::test {

struct Ran {
  int code;
  std::string out, err;
};

inline Ran run_command(const std::vector<std::string>& arguments) {
  std::ostringstream out, err;
  const int code = run_command_line(arguments, out, err);
  return {code, out.str(), err.str()};
}

}  // namespace stillpoint::test

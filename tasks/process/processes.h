// Names this program; starts copies of it and passes on requests to end.
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "tasks/process/child.h"

namespace stillpoint {

// The name of this program in messages and in the commands that they suggest: `stillpoint`, until
// run_program() sets the name that it was started under.
std::string& program_name();

// Starts a copy of this program with the arguments, in its own process group, and returns its process number.
// Its output goes where this program's does, or to the end of a file. It gets SIGINT when this process is
// gone. Throws Error if it cannot be started.
int start_copy(const std::vector<std::string>& arguments, const std::filesystem::path& output = {});

// Passes a request to end on to the children. Loops that wait for children call `pass_on` now and then. A
// second Ctrl-C kills the children of this process before it ends.
class EndOfChildren {
 public:
  explicit EndOfChildren(double patience = 10) : patience_(patience) {}
  // Sends SIGINT to the children once. After `patience` seconds, and each time twice as many have passed,
  // names those that still run.
  void pass_on(const std::vector<int>& children, std::ostream& out);

 private:
  std::optional<std::chrono::steady_clock::time_point> since_;
  double patience_;  // doubles with every report
};

}  // namespace stillpoint

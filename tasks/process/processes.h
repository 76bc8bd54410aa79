// Names this program; starts copies of it, watches them and ends them.
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

// The name of this program in messages and in the commands that they suggest: `stillpoint`, until
// run_program() sets the name that it was started under.
std::string& program_name();

// Starts a copy of this program with the arguments, in its own process group, and returns its process number.
// Its output goes where this program's does, or to the end of a file. It gets SIGINT when this process is
// gone. Throws Error if it cannot be started.
int start_copy(const std::vector<std::string>& arguments, const std::filesystem::path& output = {});

struct ProcessEnd {
  int process = 0;
  int code = 0;    // what it returned, or 128 + signal
  int signal = 0;  // the signal that ended it; 0: none
  double processor_seconds = 0;
};
// Returns the next child that has ended and was not reported yet; empty if all still run.
std::optional<ProcessEnd> poll_ended();

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

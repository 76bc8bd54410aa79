// Copies of this program, which run at the same time.
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

// Starts a copy of this program with the arguments, in a process group of its own; its output goes where this
// program's does, or to the end of a file. It gets SIGINT when this process is gone. The process's number.
// Error where it cannot be started.
int start_copy(const std::vector<std::string>& arguments, const std::filesystem::path& output = {});

struct ProcessEnd {
  int process = 0;
  int code = 0;    // what it returned, or 128 + signal
  int signal = 0;  // that ended it; 0: none
  double processor_seconds = 0;
};
// Of a child that has ended and was not asked about yet; empty where all are still running.
std::optional<ProcessEnd> poll_ended();

// An end that was asked for, as children are told of it: for loops that wait for them, which call `pass_on`
// now and then. A second Ctrl-C kills the children of this process before it ends.
class EndOfChildren {
 public:
  explicit EndOfChildren(double patience = 10) : patience_(patience) {}
  // Sends SIGINT to the children once; `patience` seconds later names those that still run, and again when
  // twice as many have passed.
  void pass_on(const std::vector<int>& children, std::ostream& out);

 private:
  std::optional<std::chrono::steady_clock::time_point> since_;
  double patience_;  // doubles with every word
};

}  // namespace stillpoint

// Starts child processes: the one place that forks. Also a child that is talked to by lines of text.
#pragma once
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/descriptor.h"

namespace stillpoint {

struct Start {
  // A path, or a name that is looked up on the PATH, and its arguments. No shell reads them.
  std::vector<std::string> command;
  std::vector<std::string> environment = {};  // NAME=VALUE, in addition to this program's
  std::filesystem::path folder = {};          // its working folder; empty: this program's
  int input = -1, output = -1, errors = -1;   // become its standard streams; -1: this program's
  int when_orphaned = SIGKILL;                // the signal that it gets if this program is gone
  std::string name = {};                      // how it sees itself (argv[0]); empty: the first word
};

// Starts a child in its own process group, so that a terminal's Ctrl-C reaches only this program, with the
// signal mask that this program was started with, and with no open file except the standard streams. Returns
// its process number. Throws Error if it cannot be started.
int start_child(const Start& start);

struct ProcessEnd {
  int process = 0;
  int code = 0;    // what it returned, or 128 + signal
  int signal = 0;  // the signal that ended it; 0: none
  double processor_seconds = 0;
};
// `with status 3`, `by signal 9`
std::string to_text(const ProcessEnd& end);

// Returns the end of this child, or of any child if the number is -1, if it has ended and was not reported
// yet; empty if it still runs.
std::optional<ProcessEnd> poll_ended(int child = -1);

// A child whose standard input and output carry lines. Ends with everything that it has started when this
// object does.
class Child {
 public:
  // The streams of `start` are replaced. `who` begins the error texts.
  Child(std::string who, Start start);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Sends a line. Throws Error if the child does not take it within so many seconds, or has ended.
  void send(std::string_view line, double seconds);
  // Returns the next line that the child prints. Throws Error if it ends, does not print one within so many
  // seconds or prints a line without end, or if this program is told to end.
  std::string line(double seconds);
  // Returns the last of what the child has printed to its standard error.
  const std::string& errors() const { return errors_text_; }
  // Throws Error: "WHO: PROBLEM", followed by the end of the child's standard error.
  [[noreturn]] void fail(const std::string& problem);

 private:
  void read_errors();
  [[noreturn]] void fail_ended();
  // Waits for the descriptor, and collects errors in the meantime. Returns false at the limit.
  bool wait_for(int descriptor, short events, double seconds);

  std::string who_, unread_, errors_text_;
  Descriptor talk_, errors_;  // a socket for both directions, and the end of a pipe
  int process_ = 0;
};

}  // namespace stillpoint

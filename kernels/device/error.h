// The one exception type of the project, and the helper that builds its message.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace stillpoint {

// The text of what() has the form `where: what was given, what was expected, what to do`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Thrown if the machine is at fault, not the request: a disk, memory, or missing files. A search tries the
// trial again.
class MachineError : public Error {
 public:
  using Error::Error;
};

// Joins its arguments with operator<<.
template <class... Args>
std::string text(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return out.str();
}

template <class... Args>
[[noreturn]] void fail(const Args&... args) {
  throw Error(text(args...));
}

template <class... Args>
void require(bool condition, const Args&... args) {
  if (!condition) fail(args...);
}

// Returns what read() returns. Its Error becomes a MachineError: the file is missing or damaged here.
template <class Read>
auto of_this_machine(const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw MachineError(error.what());
  }
}

}  // namespace stillpoint

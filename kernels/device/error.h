// The one exception type of the project, and the helper that builds its message.
#pragma once
#include <sstream>
#include <stdexcept>
#include <string>

namespace stillpoint {

// what() reads `where: what was given, what was expected, what to do`.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A fault of the machine rather than of what was asked: of a disk, of memory, of files that are missing. A
// search tries the trial again.
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

// What read() returns; what it cannot read is missing or damaged on this machine.
template <class Read>
auto of_this_machine(const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw MachineError(error.what());
  }
}

}  // namespace stillpoint

// Explains errors without allocating memory, and checks standard output.
#include "tasks/command/console.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>

#include "tasks/process/processes.h"

namespace stillpoint {
namespace {

bool is_refused_thread(const std::exception& error) {
  const auto* const system = dynamic_cast<const std::system_error*>(&error);
  return system != nullptr && system->code() == std::errc::resource_unavailable_try_again;
}

// Returns whether the other end of the program's output is closed.
bool is_closed(int stream) {
  pollfd end{stream, 0, 0};
  return ::poll(&end, 1, 0) == 1 && (end.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace

const char* constant_words(const std::exception& error) noexcept {
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr ||
      dynamic_cast<const std::length_error*>(&error) != nullptr)
    return "memory: the system gave none for a list, expected some to be free, lower the settings that say "
           "how "
           "much there is to do (batch, sequences, features), close other programs, or raise the limit "
           "(ulimit -v)";
  if (is_refused_thread(error))
    return "threads: the system starts no other one, expected room for it, lower --threads, or raise the "
           "limits "
           "of processes (ulimit -u) and memory (ulimit -v)";
  return nullptr;
}

int exit_code(int code, std::ostream& out, std::ostream& err) {
  errno = 0;
  if (out.flush()) return code;
  if (!is_closed(STDOUT_FILENO))
    err << program_name() << ": standard output could not be written" << (errno != 0 ? ": " : "")
        << (errno != 0 ? std::strerror(errno) : "") << ", so the output is incomplete; free some space"
        << std::endl;
  return code != 0 ? code : 1;
}

}  // namespace stillpoint

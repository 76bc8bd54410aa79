// Forks processes that compute for ever.
#include "tasks/bench/beside.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/device/error.h"

namespace stillpoint::bench {
namespace {

// Runs after a fork, so it makes only calls that are safe in a signal handler.
[[noreturn]] void compute_for_ever(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  volatile unsigned count = 0;
  for (;;) count = count ^ 1;
}

}  // namespace

Loops::Loops(int count) {
  const pid_t parent = ::getpid();
  for (int i = 0; i < count; ++i) {
    const pid_t child = ::fork();
    if (child == 0) compute_for_ever(parent);
    if (child < 0) end();
    require(child > 0, "--beside: given ", count, " loops, expected as many processes to start (",
            std::strerror(errno), "), use fewer");
    processes_.push_back(child);
  }
}

Loops::~Loops() { end(); }

void Loops::end() noexcept {
  for (const int process : processes_) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  processes_.clear();
}

}  // namespace stillpoint::bench

// Starting, watching and ending them.
#include "tasks/processes.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "kernels/error.h"
#include "tasks/interrupt.h"

namespace stillpoint {
namespace {

constexpr auto pause_between_looks = std::chrono::milliseconds(100);

// After a fork, where only calls that are safe in a signal handler are allowed. A group of its own, so that a
// terminal's Ctrl-C reaches the parent alone, which passes it on; and Ctrl-C when the parent is gone.
[[noreturn]] void become_copy(char* const* argv, const char* output, pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGINT);
  if (::getppid() != parent) ::_exit(130);
  if (*output != 0) {
    const int file = ::open(output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (file < 0 || ::dup2(file, STDOUT_FILENO) < 0 || ::dup2(file, STDERR_FILENO) < 0) ::_exit(126);
  }
  ::execv("/proc/self/exe", argv);
  ::_exit(127);
}

double seconds_of(const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); }

}  // namespace

int start_copy(const std::vector<std::string>& arguments, const std::filesystem::path& output) {
  std::vector<char*> argv{const_cast<char*>("stillpoint")};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = ::getpid(), child = ::fork();
  require(child >= 0, "workers: given ", arguments.size(),
          " arguments, expected to start this program again (", std::strerror(errno), "), use fewer workers");
  if (child == 0) become_copy(argv.data(), output.c_str(), parent);
  return child;
}

std::optional<ProcessEnd> poll_ended() {
  int status = 0;
  rusage usage = {};
  const pid_t ended = ::wait4(-1, &status, WNOHANG, &usage);
  if (ended <= 0) return {};
  ProcessEnd end{.process = ended,
                 .processor_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime)};
  if (WIFEXITED(status)) {
    end.code = WEXITSTATUS(status);
  } else {
    end.signal = WTERMSIG(status);
    end.code = 128 + end.signal;
  }
  return end;
}

int run_copies(const std::vector<std::string>& arguments, Index count, Index restarts, std::ostream& out) {
  const InterruptGuard guard;
  std::vector<int> children;
  for (Index i = 0; i < count; ++i) children.push_back(start_copy(arguments));
  int result = 0;
  bool passed_on = false;
  while (!children.empty()) {
    if (InterruptGuard::interrupted() && !passed_on) {
      for (const int child : children) ::kill(child, SIGINT);
      passed_on = true;
    }
    const std::optional<ProcessEnd> end = poll_ended();
    if (!end) {
      std::this_thread::sleep_for(pause_between_looks);
      continue;
    }
    std::erase(children, end->process);
    if (end->signal != 0 && !InterruptGuard::interrupted() && restarts-- > 0) {
      out << "worker " << end->process << " was ended by signal " << end->signal << "; started again"
          << std::endl;
      children.push_back(start_copy(arguments));
    } else if (end->code != 0 && result == 0) {
      result = end->code;
    }
  }
  return result;
}

}  // namespace stillpoint

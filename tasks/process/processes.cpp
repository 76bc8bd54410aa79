// Starts, watches and ends copies of this program.
#include "tasks/process/processes.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <mutex>

#include "kernels/device/error.h"
#include "tasks/io/progress.h"
#include "tasks/process/clock.h"
#include "tasks/process/interrupt.h"

namespace stillpoint {
namespace {

std::mutex children_lock;
std::vector<int> running_children;  // not waited for yet

void kill_children() {
  const std::lock_guard lock(children_lock);
  for (const int child : running_children) ::kill(child, SIGKILL);
}

// Runs after a fork, so it may only make calls that are safe in a signal handler. The child gets its own
// group, so that a terminal's Ctrl-C reaches only the parent, which passes it on; and it gets SIGINT when the
// parent is gone.
[[noreturn]] void become_copy(char* const* argv, const char* output, pid_t parent) {
  ::sigprocmask(SIG_SETMASK, &original_signal_mask(), nullptr);
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGINT);
  if (::getppid() != parent) ::_exit(130);
  if (*output != 0) {
    const int file = ::open(output, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_CLOEXEC, 0644);
    if (file < 0 || ::dup2(file, STDOUT_FILENO) < 0 || ::dup2(file, STDERR_FILENO) < 0) ::_exit(126);
  }
  ::execv("/proc/self/exe", argv);
  ::_exit(127);
}

double seconds_of(const timeval& t) { return double(t.tv_sec) + 1e-6 * double(t.tv_usec); }

}  // namespace

std::string& program_name() {
  static std::string name = "stillpoint";
  return name;
}

int start_copy(const std::vector<std::string>& arguments, const std::filesystem::path& output) {
  std::vector<char*> argv{program_name().data()};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  call_before_end(kill_children);
  const std::lock_guard lock(children_lock);
  const pid_t parent = ::getpid(), child = ::fork();
  require(child >= 0, "workers: given ", arguments.size(),
          " arguments, expected to start this program again (", std::strerror(errno), "), use fewer workers");
  if (child == 0) become_copy(argv.data(), output.c_str(), parent);
  running_children.push_back(child);
  return child;
}

std::optional<ProcessEnd> poll_ended() {
  int status = 0;
  rusage usage = {};
  const std::lock_guard lock(children_lock);
  const pid_t ended = ::wait4(-1, &status, WNOHANG, &usage);
  if (ended <= 0) return {};
  std::erase(running_children, ended);
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

void EndOfChildren::pass_on(const std::vector<int>& children, std::ostream& out) {
  if (!since_) {
    since_ = Clock::now();
    for (const int child : children) ::kill(child, SIGINT);
    return;
  }
  if (seconds_since(*since_) < patience_) return;
  out << "still running:";
  for (const int child : children) out << " " << child;
  out << ", told to end " << format_duration(seconds_since(*since_))
      << " ago; another Ctrl-C kills them, and a run resumes from its last checkpoint" << std::endl;
  patience_ *= 2;
}

}  // namespace stillpoint

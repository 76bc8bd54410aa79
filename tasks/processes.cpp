// Starting, watching and ending them.
#include "tasks/search/processes.h"

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "kernels/error.h"
#include "tasks/interrupt.h"

extern char** environ;

namespace stillpoint {
namespace {

pid_t start(const std::vector<std::string>& arguments) {
  std::vector<char*> argv{const_cast<char*>("stillpoint")};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  pid_t child = 0;
  const int code = ::posix_spawn(&child, "/proc/self/exe", nullptr, nullptr, argv.data(), environ);
  require(code == 0, "workers: given ", arguments.size(),
          " arguments, expected to start this program again (", std::strerror(code), "), use fewer workers");
  return child;
}

}  // namespace

int run_copies(const std::vector<std::string>& arguments, Index count, Index restarts, std::ostream& out) {
  const InterruptGuard guard;
  std::vector<pid_t> children;
  for (Index i = 0; i < count; ++i) children.push_back(start(arguments));
  int result = 0;
  bool passed_on = false;
  while (!children.empty()) {
    if (InterruptGuard::interrupted() && !passed_on) {
      for (const pid_t child : children) ::kill(child, SIGINT);
      passed_on = true;
    }
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG);
    if (ended <= 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      continue;
    }
    std::erase(children, ended);
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (!WIFEXITED(status) && !InterruptGuard::interrupted() && restarts-- > 0) {
      out << "worker " << ended << " was ended by signal " << WTERMSIG(status) << "; started again"
          << std::endl;
      children.push_back(start(arguments));
    } else if (code != 0 && result == 0) {
      result = code;
    }
  }
  return result;
}

void end_with_parent() {
  const pid_t parent = ::getppid();
  ::prctl(PR_SET_PDEATHSIG, SIGINT);
  if (parent == 1 || ::getppid() != parent) ::raise(SIGINT);
}

}  // namespace stillpoint

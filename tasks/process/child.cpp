// Forks, watches and ends child processes, and exchanges lines with them.
#include "tasks/process/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <sstream>
#include <thread>

#include "engine/words.h"
#include "kernels/device/error.h"
#include "tasks/process/clock.h"
#include "tasks/process/interrupt.h"

namespace stillpoint {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_line = 1 << 24, kept_errors = 4096;
constexpr double patience_at_end = 2;  // seconds for a child to end by itself when its input has ended

std::mutex children_lock;
std::vector<int> running_children;  // not waited for yet

void kill_children() {
  const std::lock_guard lock(children_lock);
  for (const int child : running_children) {
    ::kill(-child, SIGKILL);  // with what it has started, if it has its group already
    ::kill(child, SIGKILL);
  }
}

// Returns the path of a program, or an empty one if it is not on the PATH.
fs::path found_program(const std::string& name) {
  if (name.find('/') != name.npos) return name;
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "/usr/local/bin:/usr/bin:/bin" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path file = fs::path(folder.empty() ? "." : folder) / name;
    std::error_code ignored;
    if (::access(file.c_str(), X_OK) == 0 && fs::is_regular_file(file, ignored)) return file;
  }
  return {};
}

// Returns pointers to the texts, for exec.
std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (const std::string& t : texts) all.push_back(const_cast<char*>(t.c_str()));
  all.push_back(nullptr);
  return all;
}

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> all = more;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view given = *variable, name = given.substr(0, given.find('=') + 1);
    if (std::none_of(more.begin(), more.end(), [&](const std::string& m) { return m.starts_with(name); }))
      all.emplace_back(given);
  }
  return all;
}

// What a child needs between fork and exec. It was made before the fork, after which only calls are allowed
// that are safe in a signal handler.
struct Plan {
  const char *program, *folder;
  char *const *arguments, *const *environment;
  std::array<int, 3> streams;
  int when_orphaned, report;
  pid_t parent;
};

[[noreturn]] void become(const Plan& plan) {
  ::sigprocmask(SIG_SETMASK, &original_signal_mask(), nullptr);
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, plan.when_orphaned);
  if (::getppid() != plan.parent) ::_exit(130);
  bool ready = *plan.folder == 0 || ::chdir(plan.folder) == 0;
  for (int i = 0; i < 3; ++i) ready = ready && (plan.streams[i] < 0 || ::dup2(plan.streams[i], i) == i);
#ifdef SYS_close_range
  ::syscall(SYS_close_range, 3U, ~0U, 4U);  // CLOSE_RANGE_CLOEXEC
#endif
  if (ready) ::execve(plan.program, plan.arguments, plan.environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t sent = ::write(plan.report, &error, sizeof error);
  ::_exit(127);
}

// Returns a copy of the descriptor above the standard streams, which dup2 cannot overwrite before its turn.
Descriptor above_streams(int descriptor) {
  return Descriptor(descriptor < 0 ? -1 : ::fcntl(descriptor, F_DUPFD_CLOEXEC, 3));
}

std::array<Descriptor, 2> pipe_ends(const std::string& who) {
  int ends[2];
  require(::pipe2(ends, O_CLOEXEC) == 0, who, ": given a system without a free pipe (", std::strerror(errno),
          "), expected one, close other programs");
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

// Returns the error that the child reports if it cannot become the program; 0 if its end was closed by exec.
int reported(int from_child) {
  int error = 0;
  ssize_t n = 0;
  do {
    n = ::read(from_child, &error, sizeof error);
  } while (n < 0 && errno == EINTR);
  return n == sizeof error ? error : 0;
}

}  // namespace

int start_child(const Start& start) {
  require(!start.command.empty(), "start: given no command, expected a program, name one");
  const std::string& who = start.command[0];
  const fs::path program = found_program(who);
  require(!program.empty(), shown(who),
          ": given a program that is not on the PATH, expected it to be there, "
          "install it or give its path");
  std::vector<std::string> words = start.command;
  if (!start.name.empty()) words[0] = start.name;
  const std::vector<std::string> variables = environment_with(start.environment);
  const std::vector<char*> arguments = pointers(words), environment = pointers(variables);
  const std::array<Descriptor, 3> streams{above_streams(start.input), above_streams(start.output),
                                          above_streams(start.errors)};
  auto [from_child, to_parent] = pipe_ends(who);
  Descriptor report = above_streams(to_parent);
  to_parent.close();
  const Plan plan{program.c_str(),
                  start.folder.c_str(),
                  arguments.data(),
                  environment.data(),
                  {streams[0], streams[1], streams[2]},
                  start.when_orphaned,
                  report,
                  ::getpid()};
  call_before_end(kill_children);
  pid_t child = 0;
  {
    const std::lock_guard lock(children_lock);
    child = ::fork();
    if (child == 0) become(plan);
    if (child > 0) running_children.push_back(child);
  }
  const int no_fork = errno;
  report.close();
  require(child > 0, shown(who), ": given a system that starts no process (", std::strerror(no_fork),
          "), expected one, use fewer workers");
  if (const int error = reported(from_child); error != 0) {
    while (!poll_ended(child)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    fail(shown(who), ": cannot start it: ", std::strerror(error), "; expected a program, check its path",
         start.folder.empty() ? "" : " and its folder");
  }
  return child;
}

std::string to_text(const ProcessEnd& end) {
  return end.signal > 0 ? text("by signal ", end.signal) : text("with status ", end.code);
}

std::optional<ProcessEnd> poll_ended(int child) {
  int status = 0;
  rusage usage = {};
  const std::lock_guard lock(children_lock);
  const pid_t ended = ::wait4(child, &status, WNOHANG, &usage);
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

Child::Child(std::string who, Start start) : who_(std::move(who)) {
  int ends[2];
  require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, who_,
          ": given a system without a free socket (", std::strerror(errno), "), expected one");
  talk_ = Descriptor(ends[0]);
  const Descriptor theirs(ends[1]);
  auto [errors, to_errors] = pipe_ends(who_);
  start.input = start.output = theirs;
  start.errors = to_errors;
  process_ = start_child(start);
  errors_ = std::move(errors);
}

Child::~Child() {
  if (process_ == 0) return;
  talk_.close();  // a child that reads its input ends by itself
  const Clock::time_point begun = Clock::now();
  bool ended = false;
  while (!ended && seconds_since(begun) < patience_at_end) {
    siginfo_t info = {};  // the child is not waited for yet, so its group cannot belong to others
    ended = ::waitid(P_PID, id_t(process_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
    if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::kill(-process_, SIGKILL);
  while (!poll_ended(process_) && ::kill(process_, 0) == 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void Child::read_errors() {
  std::array<char, 4096> chunk;
  pollfd ready{errors_, POLLIN, 0};
  while (errors_ >= 0 && ::poll(&ready, 1, 0) > 0) {
    const ssize_t n = ::read(errors_, chunk.data(), chunk.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      errors_.close();
      return;
    }
    errors_text_.append(chunk.data(), std::size_t(n));
    if (errors_text_.size() > kept_errors) errors_text_.erase(0, errors_text_.size() - kept_errors);
  }
}

void Child::fail(const std::string& problem) {
  read_errors();
  constexpr std::size_t most = 1000;
  std::istringstream last(errors_text_.size() > most ? errors_text_.substr(errors_text_.size() - most)
                                                     : errors_text_);
  std::string printed;
  for (std::string line; std::getline(last, line);) printed += "\n  " + line;
  stillpoint::fail(who_, ": ", problem, printed.empty() ? "" : "; the end of what it printed:" + printed);
}

void Child::fail_ended() {
  std::optional<ProcessEnd> end;
  for (int i = 0; i < 1000 && !(end = poll_ended(process_)); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (end) ::kill(-std::exchange(process_, 0), SIGKILL);  // what it has left behind
  fail(text("ended ", end ? to_text(*end) : std::string("its output"), ", expected an answer"));
}

bool Child::wait_for(int descriptor, short events, double seconds) {
  const Clock::time_point begun = Clock::now();
  const bool told_before = InterruptGuard::interrupted();
  while (seconds_since(begun) < seconds) {
    if (!told_before && InterruptGuard::interrupted()) fail("stopped, since this program was told to end");
    std::array<pollfd, 2> both{pollfd{descriptor, events, 0}, pollfd{errors_, POLLIN, 0}};
    if (::poll(both.data(), 2, 50) <= 0) continue;
    if (both[1].revents != 0) read_errors();
    if (both[0].revents != 0) return true;
  }
  return false;
}

void Child::send(std::string_view line, double seconds) {
  std::string all(line);
  all += '\n';
  for (std::size_t sent = 0; sent < all.size();) {
    if (!wait_for(talk_, POLLOUT, seconds))
      fail(text("did not read its input for ", seconds, " s, expected it to"));
    const ssize_t n = ::send(talk_, all.data() + sent, all.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0) sent += std::size_t(n);
    if (n < 0 && errno != EINTR && errno != EAGAIN) fail_ended();
  }
}

std::string Child::line(double seconds) {
  std::array<char, 4096> chunk;
  const Clock::time_point begun = Clock::now();
  std::size_t end = 0;
  while ((end = unread_.find('\n')) == unread_.npos) {
    if (unread_.size() > longest_line) fail(text("printed ", unread_.size(), " bytes without a line's end"));
    if (!wait_for(talk_, POLLIN, seconds - seconds_since(begun)))
      fail(text("gave no answer for ", seconds, " s, expected one, see what it waits for"));
    const ssize_t n = ::recv(talk_, chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n > 0) unread_.append(chunk.data(), std::size_t(n));
    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) fail_ended();
  }
  const std::string found = unread_.substr(0, end);
  unread_.erase(0, end + 1);
  return found;
}

}  // namespace stillpoint

// Runs the thread that takes signals, and passes them on to the others.
#include "tasks/process/interrupt.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "kernels/device/error.h"
#include "tasks/process/clock.h"

namespace stillpoint {
namespace {

constexpr std::chrono::milliseconds one_hand{500};  // two signals within this time count as one request
constexpr std::size_t stack_bytes = 1024 * 1024;    // not the usual 8 MB; holds thread-local variables, too

sigset_t original = {}, awaited = {};
std::atomic<bool> came{false}, guarded{false};
std::atomic<void (*)()> before_end{nullptr};

// Ends the program as the signal's default action does. If the system protects this process from that (it is
// the first one of a container), ends with the code that a shell would report.
[[noreturn]] void end_by(int signal) {
  std::signal(signal, SIG_DFL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  ::pthread_kill(::pthread_self(), signal);
  ::_exit(128 + signal);
}

[[noreturn]] void end_guarded(int signal) {
  if (void (*const call)() = before_end) call();
  end_by(signal);
}

void* serve(void*) {
  Clock::time_point first[NSIG] = {};
  for (;;) {
    const int signal = ::sigwaitinfo(&awaited, nullptr);
    if (signal < 0) continue;
    if (!guarded) end_by(signal);
    const Clock::time_point now = Clock::now();
    const bool ends = signal == SIGINT || signal == SIGTERM;
    if (!came.exchange(true) || first[signal] == Clock::time_point{})
      first[signal] = now;
    else if (ends && now - first[signal] > one_hand)
      end_guarded(signal);
  }
}

}  // namespace

void take_signals() {
  sigemptyset(&awaited);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU, SIGPIPE})
    sigaddset(&awaited, signal);
  struct sigaction hangup = {};
  ::sigaction(SIGHUP, nullptr, &hangup);
  if (hangup.sa_handler == SIG_IGN) sigdelset(&awaited, SIGHUP);
  sigset_t blocked = awaited;
  sigaddset(&blocked, SIGXFSZ);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &original);
  pthread_attr_t attributes;
  pthread_t thread;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, stack_bytes);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  const int error = ::pthread_create(&thread, &attributes, serve, nullptr);
  ::pthread_attr_destroy(&attributes);
  require(error == 0, "signals: given a system that starts no thread (", std::strerror(error),
          "), expected one for signals, raise the limits of memory (ulimit -v) and processes (ulimit -u)");
}

const sigset_t& original_signal_mask() { return original; }

void call_before_end(void (*call)()) { before_end = call; }

InterruptGuard::InterruptGuard() {
  came = false;
  guarded = true;
}

InterruptGuard::~InterruptGuard() { guarded = false; }

bool InterruptGuard::interrupted() { return came; }

}  // namespace stillpoint

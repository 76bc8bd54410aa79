// Implements the watchdog by a signal to the thread that hangs.
#include "machine/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <list>
#include <mutex>
#include <thread>

#include "machine/block.h"
#include "report/ending.h"

namespace simt {
namespace {

constexpr int signal_number = SIGURG;  // is ignored where nobody handles it
constexpr auto interval = std::chrono::milliseconds(100);

struct Ward {
  Machine* machine;
  pthread_t thread;
  double patience;  // processor seconds without a change
  std::uint64_t changes = 0;
  double since = 0;  // processor seconds of the thread at the last change
};

struct Wards {
  std::mutex mutex;
  std::list<Ward> running;
  pid_t process = 0;  // whose watchdog runs; a fork has none
};
Wards& wards() {
  static auto* const instance = new Wards;
  return *instance;
}

double processor_seconds(pthread_t thread) {
  clockid_t clock = {};
  timespec time = {};
  if (::pthread_getcpuclockid(thread, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

// Runs on the stack of the device thread that hangs, which is dropped.
void on_signal(int) {
  if (watching != nullptr) machine().stop_hang();
}

void look(Ward& ward) {
  const double now = processor_seconds(ward.thread);
  if (const std::uint64_t changes = ward.machine->changes(); changes != ward.changes || ward.since == 0) {
    ward.changes = changes;
    ward.since = now;
    return;
  }
  if (now - ward.since < ward.patience) return;
  ::pthread_kill(ward.thread, signal_number);
  if (now - ward.since < 2 * ward.patience) return;
  // The kernel runs without hooks, so that its thread cannot be dropped.
  // The kernel's thread may hold the lock that a report needs.
  std::fprintf(stderr, "simt: sync: %s\n", ward.machine->describe_hang().c_str());
  std::_Exit(ends_programs() ? error_exit_code() : 134);
}

void watch_over() {
  for (;;) {
    std::this_thread::sleep_for(interval);
    const std::lock_guard lock(wards().mutex);
    for (Ward& ward : wards().running) look(ward);
  }
}

void start_watchdog() {
  wards().process = ::getpid();
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_NODEFER | SA_RESTART;
  ::sigaction(signal_number, &action, nullptr);
  std::thread(watch_over).detach();
}

}  // namespace

Guarded::Guarded(Machine& machine) {
  const std::lock_guard lock(wards().mutex);
  if (wards().process != ::getpid()) start_watchdog();
  wards().running.push_front({&machine, ::pthread_self(), patience()});
}

Guarded::~Guarded() {
  const std::lock_guard lock(wards().mutex);
  wards().running.remove_if(
      [](const Ward& ward) { return ::pthread_equal(ward.thread, ::pthread_self()) != 0; });
}

double patience() {
  const char* const text = std::getenv("SIMT_TIMEOUT");
  const double given = text == nullptr ? 0 : std::atof(text);
  return given > 0 ? given : 10.0;
}

}  // namespace simt

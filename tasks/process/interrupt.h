// Signals that ask the program to end: one thread takes them, between its steps the training loop asks for
// them.
#pragma once
#include <csignal>

namespace stillpoint {

// The exit code of a command that was told to stop, by whatever signal, and has saved.
inline constexpr int stopped_code = 130;

// Called first in main, before another thread exists: SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU and
// SIGPIPE are blocked, which later threads inherit, and a thread that does nothing else waits for them. No
// handler ever runs: code that keeps its stack pointer in the heap, as oneDNN's does, survives no handler's
// frame. Where no InterruptGuard lives a signal ends the program as if nothing had been changed. SIGHUP that
// was ignored (nohup) stays so. SIGXFSZ and a SIGPIPE of this program's own writes stay blocked: the write
// fails with an errno.
void take_signals();

// What was blocked before take_signals; a child's mask, which exec would keep. For use after fork.
const sigset_t& original_signal_mask();

// While it lives, the first signal only makes interrupted() true. Another SIGINT after a SIGINT, or SIGTERM
// after SIGTERM, ends the program at once, if it comes so much later that it was not sent twice by one hand
// (timeout, a terminal's group).
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool interrupted();
};

// What is called, on the thread of the signals, before a second one ends the program.
void call_before_end(void (*call)());

}  // namespace stillpoint

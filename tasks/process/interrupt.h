// Handles signals that ask the program to end: one thread takes them, and the training loop checks for them
// between its steps.
#pragma once
#include <csignal>

namespace stillpoint {

// The exit code of a command that any signal told to stop, and that has saved its state.
inline constexpr int stopped_code = 130;

// main calls this first, before another thread exists. It blocks SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2,
// SIGXCPU and SIGPIPE, which later threads inherit, and starts a thread that only waits for them. No handler
// ever runs, because the frame of a handler would destroy the data of code that keeps its stack pointer in
// the heap, like oneDNN's. While no InterruptGuard lives, a signal ends the program as usual. SIGHUP stays
// ignored if it was (nohup). SIGXFSZ, and a SIGPIPE from this program's own writes, stay blocked: the write
// fails with an errno.
void take_signals();

// Returns the signal mask from before take_signals. A child sets it after fork, because exec keeps the mask.
const sigset_t& original_signal_mask();

// While it lives, the first signal only makes interrupted() true. A second SIGINT after a SIGINT, or SIGTERM
// after a SIGTERM, ends the program at once, unless it follows so soon that one request was probably sent
// twice (by timeout, or to a terminal's group).
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool interrupted();
};

// Sets the function that the signal thread calls before a second signal ends the program.
void call_before_end(void (*call)());

}  // namespace stillpoint

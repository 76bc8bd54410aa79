// Ctrl-C and SIGTERM: asked for between steps.
#pragma once
#include <csignal>

namespace stillpoint {

// While it lives, the first signal only makes interrupted() true; a second one ends the program at once.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool interrupted();

 private:
  struct sigaction old_int_ = {}, old_term_ = {};
};

}  // namespace stillpoint

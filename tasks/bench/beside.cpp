// Starts shells that loop for ever.
#include "tasks/bench/beside.h"

#include <signal.h>

#include <chrono>
#include <thread>

#include "tasks/process/child.h"

namespace stillpoint::bench {

Loops::Loops(int count) {
  try {
    while (int(processes_.size()) < count)
      processes_.push_back(start_child({.command = {"sh", "-c", "while :; do :; done"}}));
  } catch (...) {
    end();
    throw;
  }
}

Loops::~Loops() { end(); }

void Loops::end() noexcept {
  for (const int process : processes_) {
    ::kill(process, SIGKILL);
    while (!poll_ended(process)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  processes_.clear();
}

}  // namespace stillpoint::bench

// The flag and its handlers.
#include "tasks/interrupt.h"

#include <atomic>

namespace stillpoint {
namespace {

std::atomic<bool> came{false};  // read by other threads as well
static_assert(std::atomic<bool>::is_always_lock_free, "a handler may write it");

}  // namespace

InterruptGuard::InterruptGuard() {
  came = false;
  struct sigaction action = {};
  action.sa_handler = [](int) { came = true; };
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGINT, &action, &old_int_);
  ::sigaction(SIGTERM, &action, &old_term_);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &old_int_, nullptr);
  ::sigaction(SIGTERM, &old_term_, nullptr);
}

bool InterruptGuard::interrupted() { return came; }

}  // namespace stillpoint

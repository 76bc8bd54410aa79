// The flag and its handlers.
#include "tasks/interrupt.h"

namespace stillpoint {
namespace {

volatile std::sig_atomic_t came = 0;

}  // namespace

InterruptGuard::InterruptGuard() {
  came = 0;
  struct sigaction action = {};
  action.sa_handler = [](int) { came = 1; };
  action.sa_flags = SA_RESETHAND;
  ::sigaction(SIGINT, &action, &old_int_);
  ::sigaction(SIGTERM, &action, &old_term_);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &old_int_, nullptr);
  ::sigaction(SIGTERM, &old_term_, nullptr);
}

bool InterruptGuard::interrupted() { return came != 0; }

}  // namespace stillpoint

// Ends a test program before its first test if this machine has no GPU that the engine can use. CTest knows
// the reason and reports the tests as skipped; none passes, not even those that ask the GPU nothing.
#define CATCH_CONFIG_EXTERNAL_INTERFACES  // Catch2 2 declares listeners only if asked
#include <cstdlib>
#include <iostream>

#include "kernels/device/cuda_memory.h"
#include "tests/support/catch.h"

namespace {

#if __has_include(<catch2/catch_all.hpp>)
using Listener = Catch::EventListenerBase;
#else
using Listener = Catch::TestEventListenerBase;
#endif

struct NeedsGpu : Listener {
  using Listener::Listener;

  void testRunStarting(const Catch::TestRunInfo&) override {
    std::string why_not;
    if (stillpoint::kernels::cuda_available(&why_not)) return;
    std::cerr << "no test ran: " << why_not << std::endl;
    std::exit(EXIT_FAILURE);
  }
};

CATCH_REGISTER_LISTENER(NeedsGpu)

}  // namespace

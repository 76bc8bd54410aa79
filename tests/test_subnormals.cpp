// The floating-point mode, on threads of their own: the test's own thread keeps its mode.
#include "kernels/subnormals.h"

#include <omp.h>

#include <thread>

#include "tests/catch.h"

namespace stillpoint {

TEST_CASE("a thread that flushes subnormals passes that on to the threads that it starts", "[subnormals]") {
#if defined(__SSE2__) || defined(__aarch64__)
  REQUIRE_FALSE(kernels::flushes_subnormals());
  int flushing = 0, threads = 0;
  std::thread([&] {
    kernels::flush_subnormals();
#pragma omp parallel num_threads(3) reduction(+ : flushing, threads)
    {
      ++threads;
      flushing += kernels::flushes_subnormals();
    }
  }).join();
  CHECK(threads >= 1);
  CHECK(flushing == threads);
  CHECK_FALSE(kernels::flushes_subnormals());
#endif
}

}  // namespace stillpoint

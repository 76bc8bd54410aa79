// Tests the floating-point mode on threads of their own, so that the test's own thread keeps its mode.
#include "kernels/launch/subnormals.h"

#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include "kernels/host/pool.h"
#include "tests/support/catch.h"

namespace stillpoint {

TEST_CASE("a thread that flushes subnormals passes that on to the threads that help it", "[subnormals]") {
#if defined(__SSE2__) || defined(__aarch64__)
  REQUIRE_FALSE(kernels::flushes_subnormals());
  std::vector<int> flushing(64);
  const auto ask = [&] {
    kernels::parallel(64, 3, [&](Index i, int) {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
      flushing[std::size_t(i)] = kernels::flushes_subnormals();
    });
    return std::accumulate(flushing.begin(), flushing.end(), 0);
  };
  int with = 0;
  std::thread([&] {
    kernels::flush_subnormals();
    with = ask();
  }).join();
  CHECK(with == 64);
  CHECK(ask() == 0);  // helpers take over the mode of the thread that they work for
#endif
}

}  // namespace stillpoint

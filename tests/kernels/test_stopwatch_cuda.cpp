// Times work of the device by its events.
#include "kernels/stopwatch/stopwatch.h"
#include "tests/support/catch.h"

namespace stillpoint::kernels {

TEST_CASE("a stopwatch waits for the work that was queued, and can be started again", "[cuda][stopwatch]") {
  const Buffer buffer(Device::cuda, 1 << 20);
  Stopwatch watch(Device::cuda);
  for (int i = 0; i < 2; ++i) {
    watch.start();
    zero_bytes(buffer.data(), Device::cuda, buffer.bytes());
    CHECK(watch.stop() >= 0);
  }
  std::int32_t last = 1;
  copy_bytes(&last, Device::cpu, static_cast<const char*>(buffer.data()) + buffer.bytes() - 4, Device::cuda,
             4);
  CHECK(last == 0);
}

}  // namespace stillpoint::kernels

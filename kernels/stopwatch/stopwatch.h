// Times the work of a device: by its own events on CUDA, by the clock on a CPU.
#pragma once
#include <chrono>

#include "kernels/device/memory.h"

namespace stillpoint::kernels {

// Measures from start() to stop(). On CUDA both are events on the compute stream, so the time is that of the
// work queued between them, with the gaps in which the device waits for the host.
class Stopwatch {
 public:
  // Throws Error if this build has no such device.
  explicit Stopwatch(Device device);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void start();
  // Waits for the work that was queued since start(), and returns its milliseconds.
  double stop();

 private:
  Device device_;
  std::chrono::steady_clock::time_point begin_;
  void *first_ = nullptr, *last_ = nullptr;  // events of CUDA
};

#if STILLPOINT_CUDA
void* make_event();
void end_event(void* event) noexcept;
void mark_event(void* event);
double milliseconds_between(void* first, void* last);  // waits for `last`
#endif

}  // namespace stillpoint::kernels

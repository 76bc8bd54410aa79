// Reads the clock on a CPU, or leaves it to events of CUDA.
#include "kernels/stopwatch/stopwatch.h"

namespace stillpoint::kernels {

Stopwatch::Stopwatch(Device device) : device_(device) {
#if STILLPOINT_CUDA
  if (device == Device::cuda) {
    first_ = make_event();
    last_ = make_event();
  }
#else
  require(device == Device::cpu,
          "stopwatch: given cuda, expected cpu in a build without CUDA, use --device cpu");
#endif
}

Stopwatch::~Stopwatch() {
#if STILLPOINT_CUDA
  end_event(first_);
  end_event(last_);
#endif
}

void Stopwatch::start() {
#if STILLPOINT_CUDA
  if (device_ == Device::cuda) return mark_event(first_);
#endif
  begin_ = std::chrono::steady_clock::now();
}

double Stopwatch::stop() {
#if STILLPOINT_CUDA
  if (device_ == Device::cuda) {
    mark_event(last_);
    return milliseconds_between(first_, last_);
  }
#endif
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_).count();
}

}  // namespace stillpoint::kernels

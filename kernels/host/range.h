// Named ranges of host time for NVIDIA's profilers (NVTX); they do nothing if its header was not found.
#pragma once

namespace stillpoint::kernels {

// A range lasts from construction to destruction; ranges nest. The profiler copies the name.
class Range {
 public:
  explicit Range(const char* name);
  ~Range();
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

}  // namespace stillpoint::kernels

// Named ranges of host time for NVIDIA's profilers (NVTX); nothing where its header was not found.
#pragma once
#if STILLPOINT_CUDA && __has_include(<nvtx3/nvToolsExt.h>)
#define STILLPOINT_NVTX 1
#include <nvtx3/nvToolsExt.h>
#endif

namespace stillpoint::kernels {

// From construction to destruction; ranges nest. The name is copied by the profiler.
class Range {
 public:
#if STILLPOINT_NVTX
  explicit Range(const char* name) { nvtxRangePushA(name); }
  ~Range() { nvtxRangePop(); }
#else
  explicit Range(const char*) {}
#endif
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

}  // namespace stillpoint::kernels

// Named ranges of host time for NVIDIA's profilers (NVTX); they do nothing if its header was not found.
#pragma once
#if STILLPOINT_CUDA && __has_include(<nvtx3/nvToolsExt.h>)
#define STILLPOINT_NVTX 1
#include <nvtx3/nvToolsExt.h>
#endif

namespace stillpoint::kernels {

// A range lasts from construction to destruction; ranges nest. The profiler copies the name.
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

// Ranges by NVTX in builds with CUDA.
#include "kernels/host/range.h"

#if STILLPOINT_CUDA && __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define STILLPOINT_NVTX 1
#endif

namespace stillpoint::kernels {

#if STILLPOINT_NVTX
Range::Range(const char* name) { nvtxRangePushA(name); }
Range::~Range() { nvtxRangePop(); }
#else
Range::Range(const char*) {}
Range::~Range() = default;
#endif

}  // namespace stillpoint::kernels

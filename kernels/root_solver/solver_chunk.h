// The division of a sample's state among the teams of a root solver's kernels.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// A team takes this many elements of a sample: few enough that 20,800 of them, the DEQ-Transformer's state,
// keep two threads of a CPU equally busy and give a GPU 21 warps.
inline constexpr Index solver_chunk = 1024;

}  // namespace stillpoint::kernels

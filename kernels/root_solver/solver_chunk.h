// How the kernels of root solvers divide a sample's state.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// Elements of a sample that one team takes: few enough that 20,800 of them, the DEQ-Transformer's state, keep
// two threads of a CPU equally busy and give a GPU 21 warps.
inline constexpr Index solver_chunk = 1024;

}  // namespace stillpoint::kernels

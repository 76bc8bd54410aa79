// When the CPU's loops take more than one thread.
#pragma once
#include "kernels/array.h"

namespace stillpoint::kernels {

// Elements under which a second thread costs more than it saves.
inline constexpr Index serial_below = 16384;

}  // namespace stillpoint::kernels

// The SIM head on the CPU: one pass over tiles of positions, every layer while the tile is in cache.
#pragma once
#include "kernels/sim_head/sim_head.h"

namespace stillpoint::kernels {

// The contracts are those of sim_head_saved_size, sim_head_forward and sim_head_backward, with checked arrays
// on the CPU. `saved` holds z_0 .. z_{L-2}, tile by tile in panels (kernels/sim_head/sim_head_tile.h).
std::int64_t sim_head_saved_size_cpu(std::int64_t positions, const std::vector<SimHeadLayer>& layers);
void sim_head_forward_cpu(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                          const Array& y, const Array& saved);
void sim_head_backward_cpu(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                           const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads);

}  // namespace stillpoint::kernels

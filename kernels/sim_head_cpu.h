// The SIM head on the CPU: one pass over tiles of positions, every layer while the tile is in cache.
#pragma once
#include "kernels/sim_head.h"

namespace stillpoint::kernels {

// Contracts of chain_saved_size, chain_forward and chain_backward; the arrays are on the CPU and were
// checked. `saved` holds z_0 .. z_{L-2}, tile by tile in panels (kernels/sim_head_tile.h).
std::int64_t chain_saved_size_cpu(std::int64_t positions, const std::vector<ChainLayer>& layers);
void chain_forward_cpu(std::int64_t positions, const std::vector<ChainLayer>& layers, const Array& x,
                       const Array& y, const Array& saved);
void chain_backward_cpu(std::int64_t positions, const std::vector<ChainLayer>& layers, const Array& x,
                        const Array& y, const Array& saved, const Array& dy, const ChainGrads& grads);

}  // namespace stillpoint::kernels

// The SIM head on CUDA: fused kernels for narrow chains, with tensor cores or without, layer by layer for
// wide ones.
#pragma once
#include "kernels/sim_head.h"

namespace stillpoint::kernels {

// Contracts of chain_saved_size, chain_forward and chain_backward; the arrays are on CUDA. `saved` holds
// z_0 .. z_{L-2} one after the other, each (positions, width).
std::int64_t chain_saved_size_cuda(std::int64_t positions, const std::vector<ChainLayer>& layers);
void chain_forward_cuda(std::int64_t positions, const std::vector<ChainLayer>& layers, const Array& x,
                        const Array& y, const Array& saved);
void chain_backward_cuda(std::int64_t positions, const std::vector<ChainLayer>& layers, const Array& x,
                         const Array& y, const Array& saved, const Array& dy, const ChainGrads& grads);

// The fused path on tensor cores, float32 with operands of products rounded as precision() asks, tf32 or
// bf16; false, with nothing done, where the chain is too long or too wide for it. Positions > 0.
bool chain_forward_tensor(std::int64_t positions, const std::vector<ChainLayer>& layers, const Array& x,
                          const Array& y, const Array& saved);
bool chain_backward_tensor(std::int64_t positions, const std::vector<ChainLayer>& layers, const Array& x,
                           const Array& y, const Array& saved, const Array& dy, const ChainGrads& grads);

// The layer-by-layer path: any widths.
void chain_forward_wide(std::int64_t positions, const std::vector<ChainLayer>& layers, const Array& x,
                        const Array& y, const Array& saved);
void chain_backward_wide(std::int64_t positions, const std::vector<ChainLayer>& layers, const Array& x,
                         const Array& y, const Array& saved, const Array& dy, const ChainGrads& grads);

}  // namespace stillpoint::kernels

// The SIM head on CUDA: fused kernels for narrow chains, with or without tensor cores, and layer by layer for
// wide ones.
#pragma once
#include "kernels/sim_head/sim_head.h"

namespace stillpoint::kernels {

// The contracts are those of sim_head_saved_size, sim_head_forward and sim_head_backward; the arrays are on
// CUDA. `saved` holds z_0 .. z_{L-2} one after the other, each (positions, width).
std::int64_t sim_head_saved_size_cuda(std::int64_t positions, const std::vector<SimHeadLayer>& layers);
void sim_head_forward_cuda(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                           const Array& y, const Array& saved);
void sim_head_backward_cuda(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                            const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads);

// The fused path on tensor cores: float32 with operands of products rounded as precision() asks, to tf32 or
// bf16. Returns false and does nothing if the chain is too long or too wide for it. Positions > 0.
bool sim_head_forward_tensor(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                             const Array& y, const Array& saved);
bool sim_head_backward_tensor(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                              const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads);

// The layer-by-layer path, for any widths.
void sim_head_forward_wide(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                           const Array& y, const Array& saved);
void sim_head_backward_wide(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                            const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads);

}  // namespace stillpoint::kernels

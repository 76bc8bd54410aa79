// The SIM head on CPUs with bf16 instructions: tiles stay in cache and in bf16 through all layers.
#pragma once
#include "kernels/sim_head/sim_head.h"

namespace stillpoint::kernels {

// Returns whether a chain on the CPU runs in this form: a wide float32 chain, if precision() is bf16 and the
// CPU has the instructions.
bool sim_head_in_bf16(const std::vector<SimHeadLayer>& layers);

// The contracts are those of sim_head_saved_size, sim_head_forward and sim_head_backward, for a positive
// number of positions. Operands of products are rounded to bf16 and sums are float32, except that a first
// layer of at most `shallow` inputs multiplies in float32: coordinates would lose all but 8 bits. `saved`
// holds z_0 .. z_{L-2} in bf16, tile by tile.
inline constexpr std::int64_t shallow = 16;
std::int64_t sim_head_saved_size_bf16(std::int64_t positions, const std::vector<SimHeadLayer>& layers);
void sim_head_forward_bf16(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                           const Array& y, const Array& saved);
void sim_head_backward_bf16(std::int64_t positions, const std::vector<SimHeadLayer>& layers, const Array& x,
                            const Array& y, const Array& saved, const Array& dy, const SimHeadGrads& grads);

}  // namespace stillpoint::kernels

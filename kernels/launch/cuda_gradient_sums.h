// The launch that adds up partial gradients. Only files compiled with CUDA include this.
#pragma once
#include "kernels/launch/gradient_sums.h"

namespace stillpoint::kernels {

void launch_gradient_sums(const std::vector<GradientSets>& sets);

}  // namespace stillpoint::kernels

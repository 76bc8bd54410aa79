// Relative attention on the CPU, with the contracts of relative_attention.h; the arguments are checked.
#pragma once
#include "kernels/relative_attention/relative_attention.h"

namespace stillpoint::kernels {

void relative_attention_forward_cpu(const RelativeAttentionShape& shape,
                                    const RelativeAttentionInputs& inputs, const Array& y,
                                    const Array& log_sum);
void relative_attention_backward_cpu(const RelativeAttentionShape& shape,
                                     const RelativeAttentionInputs& inputs, const Array& y,
                                     const Array& log_sum, const Array& dy,
                                     const RelativeAttentionInputs& grads);

}  // namespace stillpoint::kernels

// Two-dimensional convolutions of operands rounded to bf16, on CPUs with bf16 instructions.
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace stillpoint::kernels {

// Returns whether bf16 was asked for and suits the shape: there are enough channels to fill tiles, the stride
// is 1 and the border is no wider than the image.
bool conv2d_suits_bf16(const Conv2dShape& shape, DType dtype);
// Returns whether, besides, the CPU has the instructions that these passes use.
bool conv2d_in_bf16(const Conv2dShape& shape, DType dtype);

// The contracts are those of conv2d_cpu.h, for float32 arrays with elements; operands are rounded to the
// nearest bf16, sums are float32. Each requires conv2d_in_bf16; the data adjoint also that it is a
// convolution of stride 1.
void conv2d_bf16(const Conv2dShape& shape, const float* x, const float* w, const float* bias, float* y);
void conv2d_data_adjoint_bf16(const Conv2dShape& shape, const float* y, const float* w, float* x);
void conv2d_weight_adjoint_bf16(const Conv2dShape& shape, const float* y, const float* x, float* w,
                                float* dbias);

}  // namespace stillpoint::kernels

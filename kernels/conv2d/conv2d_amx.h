// Two-dimensional convolutions of operands rounded to bf16 by the CPU's matrix instructions (AMX).
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace stillpoint::kernels {

// Returns whether bf16 was asked for and suits the shape, and the build and the system have AMX.
bool conv2d_by_amx(const Conv2dShape& shape, DType dtype);

// The contracts are those of conv2d_cpu.h, for float32 arrays with elements; operands are rounded to the
// nearest bf16, sums are float32. Each requires conv2d_by_amx; the data adjoint also that it is a convolution
// of stride 1.
void conv2d_amx(const Conv2dShape& shape, const float* x, const float* w, const float* bias, float* y);
void conv2d_data_adjoint_amx(const Conv2dShape& shape, const float* y, const float* w, float* x);
void conv2d_weight_adjoint_amx(const Conv2dShape& shape, const float* y, const float* x, float* w,
                               float* dbias);

}  // namespace stillpoint::kernels

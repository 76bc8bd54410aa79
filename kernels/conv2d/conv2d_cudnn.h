// Two-dimensional convolution by cuDNN, with kernels for the circular border.
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace stillpoint::kernels {

// The contracts are those of conv2d and its adjoints; the arrays are on CUDA. Returns false and does nothing
// if cuDNN does not support the sizes or the addresses; then kernels/conv2d/body.cu does the work. In float32
// precision() chooses between FMA and tf32. bf16 runs in tf32, which rounds operands less, because cuDNN
// would also round the result of a bf16 convolution. Deterministic.
bool conv2d_cuda(const Conv2dShape& shape, const Array& x, const Array& w, const Array& y);
bool conv2d_data_adjoint_cuda(const Conv2dShape& shape, const Array& y, const Array& w, const Array& x);
bool conv2d_weight_adjoint_cuda(const Conv2dShape& shape, const Array& y, const Array& x, const Array& w);

}  // namespace stillpoint::kernels

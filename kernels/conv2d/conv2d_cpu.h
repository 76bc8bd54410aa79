// Two-dimensional convolutions on the CPU.
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace stillpoint::kernels {

// The contracts are those of conv2d and its adjoints, for arrays on the CPU. bias and dbias (Co) may be
// empty: y = conv + bias, dbias = sum of y.
void conv2d_cpu(const Conv2dShape& shape, const Array& x, const Array& w, const Array& bias, const Array& y);
void conv2d_data_adjoint_cpu(const Conv2dShape& shape, const Array& y, const Array& w, const Array& x);
void conv2d_weight_adjoint_cpu(const Conv2dShape& shape, const Array& y, const Array& x, const Array& w,
                               const Array& dbias);

}  // namespace stillpoint::kernels

// The data adjoint of a convolution with any stride and border on the CPU.
#pragma once
#include "kernels/conv2d/conv2d.h"

namespace stillpoint::kernels {

// Has the contract of conv2d_data_adjoint, for x with elements.
template <class T>
void data_adjoint_by_phases(const Conv2dShape& shape, const T* y, const T* w, T* x);
extern template void data_adjoint_by_phases<float>(const Conv2dShape&, const float*, const float*, float*);
extern template void data_adjoint_by_phases<double>(const Conv2dShape&, const double*, const double*,
                                                    double*);

}  // namespace stillpoint::kernels

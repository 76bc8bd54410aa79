// Mean squared error in one pass, and its gradient.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// loss (1) = 1/n sum_i (x_i - t_i)^2, summed in a fixed order.
void mse(const Array& x, const Array& t, const Array& loss);
// dx_i = 2/n (x_i - t_i) g, with g (1) on the device.
void mse_adjoint(const Array& x, const Array& t, const Array& g, const Array& dx);

}  // namespace stillpoint::kernels

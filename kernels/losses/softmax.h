// Softmax over rows.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// y[r,c] = exp(x[r,c] - max_r) / sum_c' exp(x[r,c'] - max_r), x and y (rows,columns), columns > 0.
void softmax(std::int64_t columns, const Array& x, const Array& y);

}  // namespace stillpoint::kernels

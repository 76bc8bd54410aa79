// Layer normalisation over rows, without gain and bias.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

inline constexpr double layer_norm_eps = 1e-5;  // Ba, Kiros, Hinton 2016, with the customary eps

// y[r,c] = (x[r,c] - mean_r) inverse[r] with inverse[r] = 1 / sqrt(variance_r + eps); the variance is divided
// by the number of columns. x and y (rows,columns), inverse (rows), columns > 0.
void layer_norm(std::int64_t columns, const Array& x, const Array& y, const Array& inverse);

// dx[r,c] = inverse[r] (g[r,c] - mean_c' g[r,c'] - y[r,c] mean_c' (g[r,c'] y[r,c'])) + plus[r,c] + last[r,c];
// plus and last (rows,columns) may be empty.
void layer_norm_backward(std::int64_t columns, const Array& y, const Array& inverse, const Array& g,
                         const Array& dx, const Array& plus = {}, const Array& last = {});

}  // namespace stillpoint::kernels

// Random Fourier lift of a projection, with its adjoint and tangent: a family closed under differentiation.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

// SIM paper, random Fourier features. p (rows,m); y, g, t (rows,2m), halves y = [c, s], scale k = sqrt(1/m):
//   lift     y = k [cos p, sin p]
//   adjoint  dp = c(y) s(g) - s(y) c(g)          (reads the output, not p)
//   tangent  t = u * [-s(y), c(y)]               (u (rows,m))
void lift(std::int64_t m, const Array& p, const Array& y);
void lift_adjoint(std::int64_t m, const Array& y, const Array& g, const Array& dp);
void lift_tangent(std::int64_t m, const Array& y, const Array& u, const Array& t);

}  // namespace stillpoint::kernels

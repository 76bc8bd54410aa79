// A regulariser and the spectral radius of the Jacobian J = df/dz at an equilibrium.
#pragma once
#include <vector>

#include "solvers/fixed_point/fixed_point.h"

namespace stillpoint {

// Returns 1/n ||probe^T J||^2 for z and probe of n elements. It is recorded, so that it can be added to a
// loss. With a probe drawn from N(0, I) it is an unbiased estimate of ||J||_F^2 / n (Hutchinson). f must be
// twice differentiable.
Tensor jacobian_penalty(const FixedPointMap& f, const Tensor& z, const Tensor& probe);

// Returns |v . J^T v| / v . v per sample after power iterations v <- J^T v / ||J^T v|| from `start`. This is
// the largest modulus of an eigenvalue of J if that eigenvalue is real and no other one has its modulus.
std::vector<double> spectral_radius(const FixedPointMap& f, const Tensor& z, const Tensor& start,
                                    Index iterations = 100);

}  // namespace stillpoint

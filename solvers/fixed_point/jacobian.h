// What the Jacobian J = df/dz of an equilibrium says about it: a regulariser and the spectral radius.
#pragma once
#include <vector>

#include "solvers/fixed_point/fixed_point.h"

namespace stillpoint {

// 1/n ||probe^T J||^2 for z and probe of n elements, recorded, so that it may be added to a loss; with a
// probe drawn from N(0, I) an unbiased estimate of ||J||_F^2 / n (Hutchinson). f has to be differentiable
// twice.
Tensor jacobian_penalty(const FixedPointMap& f, const Tensor& z, const Tensor& probe);

// Per sample |v . J^T v| / v . v after power iterations v <- J^T v / ||J^T v|| from `start`: the largest
// modulus of an eigenvalue of J, where it is real and alone.
std::vector<double> spectral_radius(const FixedPointMap& f, const Tensor& z, const Tensor& start,
                                    Index iterations = 100);

}  // namespace stillpoint

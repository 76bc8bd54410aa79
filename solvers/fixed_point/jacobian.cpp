// Products with the transposed Jacobian of a map.
#include "solvers/fixed_point/jacobian.h"

#include <cmath>

#include "engine/ops.h"

namespace stillpoint {

Tensor jacobian_penalty(const FixedPointMap& f, const Tensor& z, const Tensor& probe) {
  const Recording on(true);
  const Tensor at = z.requires_grad() ? z : z.variable();
  return mean(square(grad(f(at), {at}, probe, {.create_graph = true})[0]));
}

std::vector<double> spectral_radius(const FixedPointMap& f, const Tensor& z, const Tensor& start,
                                    Index iterations) {
  require(iterations > 0, "spectral_radius: given ", iterations,
          " iterations, expected at least 1, change it");
  const Tensor at = z.variable();
  Tensor y;
  {
    const Recording on(true);
    y = f(at);
  }
  const Recording off(false);
  Shape per_sample(std::size_t(z.rank()), 1);
  per_sample[0] = z.dim(0);
  const auto dot = [&](const Tensor& a, const Tensor& b) { return sum_to(a * b, per_sample); };
  Tensor v = start, next;
  for (Index k = 0; k < iterations; ++k) {
    v = v / affine(square_root(dot(v, v)), 1, 1e-30);  // 1e-30 avoids 0/0 if v is zero
    next = grad(y, {at}, v)[0];
    if (k + 1 < iterations) v = next;
  }
  std::vector<double> radius = dot(v, next).values();
  for (double& r : radius) r = std::abs(r);
  return radius;
}

}  // namespace stillpoint

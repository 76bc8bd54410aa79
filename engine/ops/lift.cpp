// The random Fourier lift family {lift, adjoint, tangent}, closed under differentiation.
#include "kernels/lift/lift.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

}  // namespace

// The gradient reads the output.
Tensor lift(const Tensor& p) {
  require_rank("lift", "p", p, 2);
  Tensor y = Tensor::empty({p.dim(0), 2 * p.dim(1)}, p.options());
  kernels::lift(p.dim(1), p.array(), y.array());
  return record(y, "lift", {p}, [](const VjpContext& c) { return Tensors{lift_adjoint(c.y, c.g)}; });
}

// a(y,g) = c(y) s(g) - s(y) c(g) is antisymmetric: d<u,a> is t(g,-u) in y and t(y,u) in g.
Tensor lift_adjoint(const Tensor& y, const Tensor& g) {
  require_same_kind("lift_adjoint", y, g);
  require_shape("lift_adjoint", "g", g, y.shape());
  require(y.rank() == 2 && y.dim(1) % 2 == 0, "lift_adjoint: given ", to_text(y.shape()),
          ", expected (rows, 2m), check the lift");
  Tensor dp = Tensor::empty({y.dim(0), y.dim(1) / 2}, y.options());
  kernels::lift_adjoint(y.dim(1) / 2, y.array(), g.array(), dp.array());
  return record(dp, "lift_adjoint", {y, g}, [](const VjpContext& c) {
    return Tensors{c.wants(0) ? lift_tangent(c.inputs[1], negate(c.g)) : Tensor(),
                   c.wants(1) ? lift_tangent(c.inputs[0], c.g) : Tensor()};
  });
}

// <h, t(y,u)> = sum u (c(y) s(h) - s(y) c(h)): its derivative is -t(h,u) in y and a(y,h) in u.
Tensor lift_tangent(const Tensor& y, const Tensor& u) {
  require_same_kind("lift_tangent", y, u);
  require_shape("lift_tangent", "y", y, {u.dim(0), 2 * u.dim(1)});
  Tensor t = Tensor::empty(y.shape(), y.options());
  kernels::lift_tangent(u.dim(1), y.array(), u.array(), t.array());
  return record(t, "lift_tangent", {y, u}, [](const VjpContext& c) {
    return Tensors{c.wants(0) ? negate(lift_tangent(c.g, c.inputs[1])) : Tensor(),
                   c.wants(1) ? lift_adjoint(c.inputs[0], c.g) : Tensor()};
  });
}

}  // namespace stillpoint

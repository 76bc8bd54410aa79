// Weight normalisation; its higher derivatives go through the composition of plain ops.
#include "kernels/weight_norm/weight_norm.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

Tensor weight_norm_reference(const Tensor& v, const Tensor& g) {
  const Tensor rows = reshape(v, {v.dim(0), -1});
  const Tensor norm = square_root(sum_to(square(rows), {v.dim(0), 1}));
  return reshape(multiply(rows, divide(reshape(g, {v.dim(0), 1}), norm)), v.shape());
}

}  // namespace

// The gradients read both operands.
Tensor weight_norm(const Tensor& v, const Tensor& g) {
  require(v.rank() >= 2, "weight_norm: given v of shape ", to_text(v.shape()),
          ", expected rank >= 2, reshape it");
  require_shape("weight_norm", "g", g, {v.dim(0)});
  require_same_kind("weight_norm", v, g);
  const Index columns = v.dim(0) == 0 ? 0 : v.size() / v.dim(0);
  Tensor w = Tensor::empty(v.shape(), v.options());
  const Tensor norm = Tensor::empty(g.shape(), g.options());
  kernels::weight_norm(columns, v.array(), g.array(), w.array(), norm.array());
  return record(w, "weight_norm", {v, g}, [columns, norm](const VjpContext& c) {
    const Tensor &direction = c.inputs[0], &gain = c.inputs[1];
    if (Recording::on()) return grad_through(c, weight_norm_reference(direction, gain));
    const Tensor dv = Tensor::empty(direction.shape(), direction.options()),
                 dg = Tensor::empty(gain.shape(), gain.options());
    kernels::weight_norm_backward(columns, direction.array(), gain.array(), norm.array(), c.g.array(),
                                  {dv.array(), dg.array()});
    return std::vector<Tensor>{dv, dg};
  });
}

}  // namespace stillpoint

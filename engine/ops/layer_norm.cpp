// Layer normalisation; its higher derivatives go through the composition of plain ops.
#include "kernels/layer_norm/layer_norm.h"

#include "engine/ops.h"
#include "engine/ops/check.h"
#include "engine/ops/fused_sums.h"

namespace stillpoint {
namespace {

Tensor row_mean(const Tensor& x) {
  Shape row = x.shape();
  row.back() = 1;
  return affine(sum_to(x, row), 1 / double(x.dim(-1)), 0);
}

Tensor reference(const Tensor& x) {
  const Tensor centred = x - row_mean(x);
  return centred * reciprocal(square_root(affine(row_mean(square(centred)), 1, kernels::layer_norm_eps)));
}

}  // namespace

// The gradient reads the output.
Tensor layer_norm(const Tensor& x) {
  require(x.rank() > 0 && x.dim(-1) > 0, "layer_norm: given x of shape ", to_text(x.shape()),
          ", expected a last axis with elements to normalise over, reshape it");
  const Index columns = x.dim(-1);
  Tensor y = Tensor::empty(x.shape(), x.options());
  const Tensor inverse = Tensor::empty({x.size() / columns}, x.options());
  kernels::layer_norm(columns, x.array(), y.array(), inverse.array());
  return record(y, "layer_norm", {x}, [columns, inverse](const VjpContext& c) {
    if (Recording::on()) return grad_through(c, reference(c.inputs[0]));
    Tensor dx = Tensor::empty(c.g.shape(), c.g.options());
    const Tensor plus = take_term(c, 0), last = take_term(c, 0);
    kernels::layer_norm_backward(columns, c.y.array(), inverse.array(), c.g.array(), dx.array(),
                                 array_or_null(plus), array_or_null(last));
    return std::vector<Tensor>{dx};
  });
}

}  // namespace stillpoint

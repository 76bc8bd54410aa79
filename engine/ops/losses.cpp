// Losses: softmax, cross-entropy over rows, mean squared error.
#include <array>

#include "engine/ops.h"
#include "engine/ops/check.h"
#include "kernels/losses/mse.h"
#include "kernels/losses/softmax.h"
#include "kernels/losses/softmax_xent.h"
#include "kernels/strided/strided.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

// labels (rows) -> (rows,classes) of x's kind with a one at each label.
Tensor one_hot(const Tensor& labels, Index classes, const Tensor& like) {
  std::vector<double> identity(std::size_t(classes * classes), 0);
  for (Index c = 0; c < classes; ++c) identity[std::size_t(c * classes + c)] = 1;
  return embedding(Tensor::from(identity, {classes, classes}, like.options()), labels);
}

}  // namespace

// The gradient g y - y sum(g y) reads the output.
Tensor softmax(const Tensor& x) {
  require(x.rank() >= 1 && x.dim(-1) > 0, "softmax: given shape ", to_text(x.shape()),
          ", expected a last axis of size > 0, check the shape");
  Tensor y = Tensor::empty(x.shape(), x.options());
  kernels::softmax(x.dim(-1), x.array(), y.array());
  return record(y, "softmax", {x}, [](const VjpContext& c) {
    Shape rows = c.y.shape();
    rows.back() = 1;
    const Tensor gy = multiply(c.g, c.y);
    return Tensors{subtract(gy, multiply(c.y, sum_to(gy, rows)))};
  });
}

namespace {

void require_rows(const char* op, const Tensor& logits, const Tensor& labels) {
  require_rank(op, "logits", logits, 2);
  const Index rows = logits.dim(0), classes = logits.dim(1);
  require(rows > 0 && classes > 0, op, ": given logits of shape ", to_text(logits.shape()),
          ", expected rows and classes > 0, check the batch");
  require_shape(op, "labels", labels, {rows});
  require_indices(op, "labels", labels, classes);
  require(labels.device() == logits.device(), op, ": given labels on ", name_of(labels.device()),
          ", expected ", name_of(logits.device()), ", copy them");
}

// The sum over rows of scale w_r loss_r; w_r is 1 if there are no weights. The gradient, scale w_r (softmax -
// one hot) g, reads logits, labels and weights.
Tensor summed_cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& weights, double scale) {
  const Index rows = logits.dim(0), classes = logits.dim(1);
  Tensor losses = Tensor::empty({rows}, logits.options());
  kernels::softmax_xent_forward(rows, classes, logits.array(), labels.array(), losses.array());
  if (weights.defined()) losses = multiply(losses, weights);
  Tensor loss = Tensor::empty({1}, logits.options());
  kernels::sum(losses.array(), loss.array(), scale);
  return record(loss, "softmax_cross_entropy", {logits},
                [labels, weights, rows, classes, scale](const VjpContext& c) {
                  const Tensor& x = c.inputs[0];
                  Tensor dx;
                  if (Recording::on()) {
                    dx = multiply(subtract(softmax(x), one_hot(labels, classes, x)), affine(c.g, scale, 0));
                  } else {
                    dx = Tensor::empty(x.shape(), x.options());
                    kernels::softmax_xent_backward(rows, classes, x.array(), labels.array(), c.g.array(),
                                                   scale, dx.array());
                  }
                  return Tensors{weights.defined() ? multiply(dx, reshape(weights, {rows, 1})) : dx};
                });
}

}  // namespace

Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels) {
  require_rows("softmax_cross_entropy", logits, labels);
  return summed_cross_entropy(logits, labels, {}, 1.0 / double(logits.dim(0)));
}

Tensor softmax_cross_entropy(const Tensor& logits, const Tensor& labels, const Tensor& weights) {
  const char* const op = "softmax_cross_entropy";
  require_rows(op, logits, labels);
  require_same_kind(op, logits, weights);
  require_shape(op, "weights", weights, {logits.dim(0)});
  return summed_cross_entropy(logits, labels, weights.detach(), 1);
}

// The gradients read both inputs.
Tensor mean_squared_error(const Tensor& x, const Tensor& target) {
  const char* const op = "mean_squared_error";
  require_same_kind(op, x, target);
  require_shape(op, "target", target, x.shape());
  require(x.size() > 0, op, ": given no elements, expected at least one, check the batch");
  Tensor loss = Tensor::empty({1}, x.options());
  kernels::mse(x.array(), target.array(), loss.array());
  return record(loss, op, {x, target}, [](const VjpContext& c) {
    const Tensor &p = c.inputs[0], &t = c.inputs[1];
    Tensor dx;
    if (Recording::on()) {
      dx = multiply(affine(subtract(p, t), 2.0 / double(p.size()), 0), c.g);
    } else {
      dx = Tensor::empty(p.shape(), p.options());
      kernels::mse_adjoint(p.array(), t.array(), c.g.array(), dx.array());
    }
    return Tensors{dx, c.wants(1) ? negate(dx) : Tensor()};
  });
}

}  // namespace stillpoint

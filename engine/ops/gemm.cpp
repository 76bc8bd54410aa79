// Matrix products, closed under differentiation through their transposes.
#include "engine/ops.h"
#include "engine/ops/check.h"
#include "engine/ops/fused_sums.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gemm/gemm_batched.h"
#include "kernels/gemm/linear_sum.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

Tensor linear_forward(const char* op, const Tensor& x, const Tensor& w, const Tensor& b, bool with_relu,
                      const Tensor& plus = {}) {
  require_rank(op, "w", w, 2);
  require(x.rank() >= 1 && x.dim(-1) == w.dim(1), op, ": given x of shape ", to_text(x.shape()), " and w of ",
          to_text(w.shape()), ", expected x's last size to be w's second, check the layer");
  require_same_kind(op, x, w);
  if (b.defined()) {
    require_shape(op, "b", b, {w.dim(0)});
    require_same_kind(op, x, b);
  }
  Shape shape = x.shape();
  shape.back() = w.dim(0);
  if (plus.defined()) {
    require_shape(op, "plus", plus, shape);
    require_same_kind(op, x, plus);
  }
  Tensor y = Tensor::empty(shape, x.options());
  const Index rows = count(Shape(x.shape().begin(), x.shape().end() - 1));
  kernels::linear({rows, w.dim(1), w.dim(0), with_relu}, x.array(), w.array(),
                  {.b = array_or_null(b), .plus = array_or_null(plus)}, y.array());
  return y;
}

// Returns g w, and adds what else x's gradient receives if the product can.
Tensor times_w(const VjpContext& c, const Tensor& rows_g) {
  const Tensor &x = c.inputs[0], &w = c.inputs[1];
  const Tensor plus = take_term(c, 0);
  if (!plus.defined()) return reshape(matmul(rows_g, w), x.shape());
  const Tensor dx = Tensor::empty(x.shape(), x.options());
  kernels::linear({.rows = rows_g.dim(0), .in = w.dim(0), .out = w.dim(1)}, rows_g.array(), w.array(),
                  {.plus = plus.array(), .transpose_w = false}, dx.array());
  return dx;
}

// Returns the cotangents of p = x w^T + b given dp; they read x and w. b is input 2, if there is a bias.
Tensors linear_vjp(const VjpContext& c, const Tensor& g, bool with_bias) {
  const Tensor &x = c.inputs[0], &w = c.inputs[1];
  const Tensor rows_g = reshape(g, {-1, w.dim(0)});
  Tensors gradients(c.inputs.size());
  if (c.wants(0)) gradients[0] = times_w(c, rows_g);
  if (c.wants(1)) gradients[1] = matmul(rows_g, reshape(x, {-1, w.dim(1)}), {.transpose_a = true});
  if (with_bias && c.wants(2)) gradients[2] = reshape(sum_to(rows_g, {1, w.dim(0)}), {w.dim(0)});
  return gradients;
}

Shape followed_by(Shape batch, Index rows, Index columns) {
  batch.insert(batch.end(), {rows, columns});
  return batch;
}

void multiply_all(Index batch, const kernels::GemmShape& g, const Array& a, const Array& b, const Array& y) {
  if (batch == 1) return kernels::gemm(g, a, b, y);
  if (g.k == 0) kernels::fill(y, 0);
  kernels::gemm_batched({batch, g, g.m * g.k, g.k * g.n, g.m * g.n}, a, b, y);
}

// x and w, and what else is defined.
Tensors linear_inputs(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& plus = {}) {
  Tensors inputs{x, w};
  for (const Tensor& t : {b, plus})
    if (t.defined()) inputs.push_back(t);
  return inputs;
}

}  // namespace

// The gradients read both operands.
Tensor matmul(const Tensor& a, const Tensor& b, MatmulOptions options) {
  require(a.rank() >= 2 && b.rank() >= 2, "matmul: given ", to_text(a.shape()), " and ", to_text(b.shape()),
          ", expected matrices, or batches of them, reshape a vector to one row or column");
  require_same_kind("matmul", a, b);
  const auto [ta, tb] = options;
  const kernels::GemmShape product{.m = a.dim(ta ? -1 : -2),
                                   .n = b.dim(tb ? -2 : -1),
                                   .k = a.dim(ta ? -2 : -1),
                                   .transpose_a = ta,
                                   .transpose_b = tb};
  require(b.dim(tb ? -1 : -2) == product.k, "matmul: given ", to_text(a.shape()), ta ? " transposed" : "",
          " and ", to_text(b.shape()), tb ? " transposed" : "",
          ", expected equal inner sizes, check the transposes");
  const Shape batch = broadcast_shape("matmul", {a.shape().begin(), a.shape().end() - 2},
                                      {b.shape().begin(), b.shape().end() - 2});
  const Tensor left = expand(a, followed_by(batch, a.dim(-2), a.dim(-1)));
  const Tensor right = expand(b, followed_by(batch, b.dim(-2), b.dim(-1)));
  Tensor y = Tensor::empty(followed_by(batch, product.m, product.n), a.options());
  multiply_all(count(batch), product, left.array(), right.array(), y.array());
  return record(y, "matmul", {left, right}, [ta = ta, tb = tb](const VjpContext& c) {
    const Tensor &p = c.inputs[0], &q = c.inputs[1];
    Tensor dp, dq;
    if (c.wants(0)) dp = ta ? matmul(q, c.g, {tb, true}) : matmul(c.g, q, {false, !tb});
    if (c.wants(1)) dq = tb ? matmul(c.g, p, {true, ta}) : matmul(p, c.g, {!ta, false});
    return Tensors{dp, dq};
  });
}

Tensor linear_plus(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& plus) {
  return record(linear_forward("linear", x, w, b, false, plus), "linear", linear_inputs(x, w, b, plus),
                [bias = b.defined(), added = plus.defined()](const VjpContext& c) {
                  Tensors gradients = linear_vjp(c, c.g, bias);
                  if (added) gradients.back() = c.g;
                  return gradients;
                });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b) { return linear_plus(x, w, b, {}); }

// The gradients read the output, x and w.
Tensor linear_relu(const Tensor& x, const Tensor& w, const Tensor& b) {
  return record(linear_forward("linear_relu", x, w, b, true), "linear_relu", linear_inputs(x, w, b),
                [bias = b.defined()](const VjpContext& c) { return linear_vjp(c, gate(c.g, c.y), bias); });
}

}  // namespace stillpoint

// Element-wise ops and their derivatives; the comment of an op says what its gradient reads.
#include "kernels/elementwise/elementwise.h"

#include "engine/ops.h"
#include "engine/ops/check.h"
#include "engine/ops/fused_sums.h"

namespace stillpoint {
namespace {

using kernels::Binary;
using kernels::Unary;
using Tensors = std::vector<Tensor>;

Tensor map(Unary f, const Tensor& x) {
  Tensor y = Tensor::empty(x.shape(), x.options());
  kernels::unary(f, x.array(), y.array());
  return y;
}

// Computes f(a, b) after broadcasting; the vjp sees operands of y's shape (expand's own vjp sums back).
Tensor zip(const char* op, Binary f, const Tensor& a, const Tensor& b, const Vjp& vjp) {
  require_same_kind(op, a, b);
  const Shape shape = broadcast_shape(op, a.shape(), b.shape());
  const Tensor p = expand(a, shape), q = expand(b, shape);
  Tensor y = Tensor::empty(shape, a.options());
  kernels::binary(f, p.array(), q.array(), y.array());
  return record(y, op, {p, q}, vjp);
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) {
  return zip("add", Binary::add, a, b, [](const VjpContext& c) { return Tensors{c.g, c.g}; });
}

Tensor subtract(const Tensor& a, const Tensor& b) {
  return zip("subtract", Binary::subtract, a, b, [](const VjpContext& c) {
    return Tensors{c.g, c.wants(1) ? negate(c.g) : Tensor()};
  });
}

// The gradients read both operands.
Tensor multiply(const Tensor& a, const Tensor& b) {
  return zip("multiply", Binary::multiply, a, b, [](const VjpContext& c) {
    return Tensors{c.wants(0) ? multiply(c.g, c.inputs[1]) : Tensor(),
                   c.wants(1) ? multiply(c.g, c.inputs[0]) : Tensor()};
  });
}

// d(a/b) = g/b, -g y/b: the gradients read b and the output.
Tensor divide(const Tensor& a, const Tensor& b) {
  return zip("divide", Binary::divide, a, b, [](const VjpContext& c) {
    const Tensor q = divide(c.g, c.inputs[1]);
    return Tensors{q, c.wants(1) ? negate(multiply(q, c.y)) : Tensor()};
  });
}

// 1 where a > b: constant almost everywhere, so unrecorded.
Tensor greater(const Tensor& a, const Tensor& b) {
  const Recording off(false);
  return zip("greater", Binary::greater, a, b, {});
}

Tensor gate(const Tensor& a, const Tensor& b) {
  require_same_kind("gate", a, b);
  require_shape("gate", "b", b, a.shape());
  Tensor y = Tensor::empty(a.shape(), a.options());
  kernels::binary(Binary::gate, a.array(), b.array(), y.array());
  return record(y, "gate", {a}, [b = b.detach()](const VjpContext& c) { return Tensors{gate(c.g, b)}; });
}

// reads both operands
Tensor maximum(const Tensor& a, const Tensor& b) {
  return zip("maximum", Binary::maximum, a, b, [](const VjpContext& c) {
    const Tensor second = greater(c.inputs[1], c.inputs[0]);
    return Tensors{multiply(c.g, affine(second, -1, 1)), multiply(c.g, second)};
  });
}

Tensor minimum(const Tensor& a, const Tensor& b) {
  return zip("minimum", Binary::minimum, a, b, [](const VjpContext& c) {
    const Tensor second = greater(c.inputs[0], c.inputs[1]);
    return Tensors{multiply(c.g, affine(second, -1, 1)), multiply(c.g, second)};
  });
}

Tensor clamp(const Tensor& x, double low, double high) {
  require(low <= high, "clamp: given the bounds ", low, " and ", high,
          ", expected low <= high, exchange them");
  return minimum(maximum(x, Tensor::full({1}, low, x.options())), Tensor::full({1}, high, x.options()));
}

// reads the condition
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  require_same_kind("where", a, b);
  require(condition.device() == a.device(), "where: given a condition on ", name_of(condition.device()),
          ", expected ", name_of(a.device()), ", copy it");
  const Shape shape =
      broadcast_shape("where", condition.shape(), broadcast_shape("where", a.shape(), b.shape()));
  const Tensor chosen = expand(condition.detach().to(a.dtype()), shape), p = expand(a, shape),
               q = expand(b, shape);
  Tensor y = Tensor::empty(shape, a.options());
  kernels::select(chosen.array(), p.array(), q.array(), y.array());
  return record(y, "where", {p, q}, [chosen](const VjpContext& c) {
    const Tensor zero = Tensor::zeros({1}, c.g.options());
    return Tensors{where(chosen, c.g, zero), where(chosen, zero, c.g)};
  });
}

Tensor affine(const Tensor& x, double alpha, double beta) {
  Tensor y = Tensor::empty(x.shape(), x.options());
  kernels::affine(x.array(), alpha, beta, y.array());
  return record(y, "affine", {x}, [alpha](const VjpContext& c) { return Tensors{affine(c.g, alpha, 0)}; });
}

Tensor clone(const Tensor& x) { return affine(x, 1, 0); }

Tensor negate(const Tensor& x) {
  return record(map(Unary::negate, x), "negate", {x},
                [](const VjpContext& c) { return Tensors{negate(c.g)}; });
}

Tensor absolute(const Tensor& x) {
  return record(map(Unary::absolute, x), "absolute", {x},
                [](const VjpContext& c) { return Tensors{multiply(c.g, map(Unary::sign, c.inputs[0]))}; });
}

// The gradient reads the output.
Tensor relu(const Tensor& x) {
  return record(map(Unary::relu, x), "relu", {x},
                [](const VjpContext& c) { return Tensors{gate(c.g, c.y)}; });
}

// The gradient is g y(x) y(-x), and not g y (1 - y), which is 0 from x = 17 on in float32.
Tensor sigmoid(const Tensor& x) {
  return record(map(Unary::sigmoid, x), "sigmoid", {x}, [](const VjpContext& c) {
    return Tensors{multiply(c.g, multiply(c.y, sigmoid(negate(c.inputs[0]))))};
  });
}

// The gradient reads the output.
Tensor exponential(const Tensor& x) {
  return record(map(Unary::exponential, x), "exponential", {x},
                [](const VjpContext& c) { return Tensors{multiply(c.g, c.y)}; });
}

Tensor logarithm(const Tensor& x) {
  return record(map(Unary::logarithm, x), "logarithm", {x},
                [](const VjpContext& c) { return Tensors{divide(c.g, c.inputs[0])}; });
}

// The gradient g/(2 y) reads the output.
Tensor square_root(const Tensor& x) {
  return record(map(Unary::square_root, x), "square_root", {x},
                [](const VjpContext& c) { return Tensors{divide(affine(c.g, 0.5, 0), c.y)}; });
}

// The gradient -g y^2 reads the output.
Tensor reciprocal(const Tensor& x) {
  return record(map(Unary::reciprocal, x), "reciprocal", {x},
                [](const VjpContext& c) { return Tensors{negate(multiply(c.g, square(c.y)))}; });
}

Tensor sine(const Tensor& x) {
  return record(map(Unary::sine, x), "sine", {x},
                [](const VjpContext& c) { return Tensors{multiply(c.g, cosine(c.inputs[0]))}; });
}

Tensor cosine(const Tensor& x) {
  return record(map(Unary::cosine, x), "cosine", {x},
                [](const VjpContext& c) { return Tensors{negate(multiply(c.g, sine(c.inputs[0])))}; });
}

// The gradient g (1 - y^2) reads the output.
Tensor hyperbolic_tangent(const Tensor& x) {
  return record(map(Unary::tanh, x), "hyperbolic_tangent", {x},
                [](const VjpContext& c) { return Tensors{multiply(c.g, affine(square(c.y), -1, 1))}; });
}

Tensor square(const Tensor& x) {
  return record(map(Unary::square, x), "square", {x},
                [](const VjpContext& c) { return Tensors{multiply(affine(c.g, 2, 0), c.inputs[0])}; });
}

}  // namespace stillpoint

// Records a monotone equilibrium with its implicit gradient.
#include "solvers/monotone/monotone.h"

#include "engine/ops.h"
#include "engine/ops/fused_sums.h"
#include "kernels/monotone/splitting_steps.h"

namespace stillpoint {

// The backward pass reads the output.
Tensor frame_relu(const Tensor& x) {
  require(x.rank() >= 2 && x.dim(-1) == x.dim(-2), "frame_relu: given shape ", to_text(x.shape()),
          ", expected square images (..., side, side)");
  const Tensor y = Tensor::empty(x.shape(), x.options());
  kernels::frame_relu(x.dim(-1), x.array(), y.array());
  return record(y, "frame_relu", {x},
                [](const VjpContext& c) { return std::vector<Tensor>{gate(c.g, c.y)}; });
}

Tensor activation(const Tensor& x) { return x.rank() == 4 ? frame_relu(x) : relu(x); }

Parts pre_activation(const MonotoneMap& f, const Parts& z) {
  Parts pre = f.product(z);
  for (std::size_t i = 0; i < pre.size(); ++i)
    if (f.bias[i].defined()) pre[i] = pre[i] + f.bias[i];
  return pre;
}

namespace {

Parts to_places(const Parts& parts) {
  Parts places;
  for (const Tensor& x : parts) places.push_back(to_places(x));
  return places;
}

Parts from_places(const Parts& parts, const std::vector<Shape>& shapes) {
  Parts xs;
  for (std::size_t i = 0; i < parts.size(); ++i) xs.push_back(from_places(parts[i], shapes[i]));
  return xs;
}

// The cotangents of the pre-activations, given that of the last part.
Parts adjoint_of(const Parts& pre, const Tensor& g, const SplittingOperator& w,
                 const SplittingOptions& options, PendingReport& report) {
  const Recording off(false);
  Parts z, cotangent;
  std::vector<Shape> shapes;
  for (const Tensor& x : pre) {
    z.push_back(to_places(activation(x)));
    cotangent.push_back(Tensor());
    shapes.push_back(x.shape());
  }
  for (std::size_t i = 0; i + 1 < pre.size(); ++i) cotangent[i] = Tensor::zeros(z[i].shape(), z[i].options());
  cotangent.back() = to_places(g);
  SplittingSolution u = solve_splitting_adjoint(w, z, cotangent, options);
  report = std::move(u.report);
  return from_places(u.z, shapes);
}

}  // namespace

MonotoneEquilibrium monotone_equilibrium(const MonotoneMap& f, std::shared_ptr<const SplittingOperator> w,
                                         const SplittingOptions& options) {
  Parts z;
  MonotoneEquilibrium result;
  {
    const Recording off(false);
    Parts bias;
    for (std::size_t i = 0; i < f.shapes.size(); ++i) {
      const Tensor& b = f.bias[i];
      const Shape& s = f.shapes[i];
      const Index places = s.size() == 4 ? s[2] * s[3] : 1;
      bias.push_back(b.defined() ? to_places(b) : Tensor::zeros({places, s[1], s[0]}, f.bias[0].options()));
    }
    SplittingSolution solution = solve_splitting(*w, bias, options);
    result.forward = std::move(solution.report);
    z = from_places(solution.z, f.shapes);
  }
  const Parts pre = pre_activation(f, z);
  bool recorded = false;
  for (const Tensor& x : pre) recorded = recorded || x.requires_grad();
  {
    const Recording off(false);
    result.z = activation(pre.back());
  }
  if (!recorded || !Recording::on()) return result;
  result.adjoint = std::make_shared<PendingReport>();
  result.z = record(result.z, "monotone", pre, [w, options, report = result.adjoint](const VjpContext& c) {
    require(!Recording::on(),
            "monotone_equilibrium: given a second derivative of an implicit gradient, expected a first one, "
            "differentiate unrolled steps instead");
    return adjoint_of(c.inputs, c.g, *w, options, *report);
  });
  return result;
}

Parts product_by_map(const std::function<Parts(const Parts&)>& product, const Parts& z,
                     const std::vector<Shape>& shapes, bool transposed) {
  Parts x = from_places(z, shapes);
  if (!transposed) {
    const Recording off(false);
    return to_places(product(x));
  }
  const Recording on(true);
  Parts at;
  for (const Tensor& part : x) at.push_back(Tensor::zeros(part.shape(), part.options()).variable());
  const Parts y = product(at);
  Tensor inner = sum(y[0] * x[0]);
  for (std::size_t i = 1; i < y.size(); ++i) inner = inner + sum(y[i] * x[i]);
  return to_places(grad(inner, at, {}, {.allow_unused = true}));
}

}  // namespace stillpoint

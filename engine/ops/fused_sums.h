// Sums that an op can make on its way, for ops and models that save a pass over memory and a launch by them.
#pragma once
#include "engine/tensor.h"

namespace stillpoint {

inline Array array_or_null(const Tensor& x) { return x.defined() ? x.array() : Array{}; }

// Returns a term that would be added to the gradient of an input, for a vjp that can add it at no cost and so
// returns the sum. There are at most two; then, and while gradients are recorded, it is undefined.
Tensor take_term(const VjpContext& context, std::size_t input);

// Returns the gradient of y with respect to x, or zeros if y does not depend on it, plus a term of x's shape.
Tensor grad_plus(const Tensor& y, const Tensor& x, const Tensor& seed, const Tensor& plus);

// linear(x, w, b) + plus with plus (...,out); b may be undefined.
Tensor linear_plus(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& plus);
// a where b > 0, 0 elsewhere, for equal shapes: what ReLU's output b lets through. b receives no gradient.
Tensor gate(const Tensor& a, const Tensor& b);

}  // namespace stillpoint

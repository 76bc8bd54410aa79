// Layers that several models share.
#pragma once
#include "engine/init.h"
#include "engine/ops.h"
#include "engine/params.h"

namespace stillpoint {

// y = x w^T + b. w is (out,in), b is (out) or undefined.
struct Linear {
  Tensor w, b;

  Linear() = default;
  Linear(Initializer& init, Index in, Index out)
      : w(init.uniform_fan_in({out, in}, in)), b(init.uniform_fan_in({out}, in)) {}

  Tensor operator()(const Tensor& x) const { return linear(x, w, b); }
  HeadLayer layer(Activation activation) const { return {w, b, activation}; }

  template <class P>
  void params(P& p) {
    p("w", w);
    p("b", b);
  }
};

// Returns ||v_o|| over all axes except the first. With these gains the normalised weight starts equal to v.
inline Tensor initial_gain(const Tensor& v) {
  const Recording off(false);
  const Index out = v.dim(0);
  return reshape(square_root(sum_to(square(reshape(v, {out, -1})), {out, 1})), {out}).variable();
}

}  // namespace stillpoint

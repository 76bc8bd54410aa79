// Element-wise kernels: one formula per named body, any size, float32 and float64.
#pragma once
#include "kernels/device/array.h"

namespace stillpoint::kernels {

enum class Unary {
  negate,
  absolute,
  sign,
  relu,
  sigmoid,
  exponential,
  logarithm,
  square_root,
  reciprocal,
  sine,
  cosine,
  tanh,
  square
};
// y = f(x); sign is 0 at 0.
void unary(Unary f, const Array& x, const Array& y);

enum class Binary { add, subtract, multiply, divide, maximum, minimum, greater, gate };
// y = f(a, b), equal sizes. The maximum or minimum with a NaN is a NaN; greater is 1 where a > b and 0
// elsewhere; gate is a where b > 0 and 0 a elsewhere (so the subgradient of ReLU at 0 is 0).
void binary(Binary f, const Array& a, const Array& b, const Array& y);
// y = a where the condition is not 0, b elsewhere; equal sizes, all of y's type.
void select(const Array& condition, const Array& a, const Array& b, const Array& y);

// y = alpha x + beta
void affine(const Array& x, double alpha, double beta, const Array& y);
void fill(const Array& y, double value);
// y = x in y's type; int32 and the real types convert both ways, rounding towards zero.
void cast(const Array& x, const Array& y);

}  // namespace stillpoint::kernels

// Defines arg-max along an axis and the confusion matrix, which have no derivative.
#include "kernels/predictions/predictions.h"

#include <limits>

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {

Tensor argmax(const Tensor& x, Index axis) {
  const Index a = require_axis("argmax", x, axis), n = x.dim(a);
  require(n > 0 && n <= std::numeric_limits<std::int32_t>::max(), "argmax: given ", n,
          " elements along axis ", axis, ", expected 1 to 2^31 - 1, check the shape");
  const Recording off(false);
  const Tensor rows = transpose(x, a, -1);
  Shape shape = rows.shape(), rest = x.shape();
  shape.back() = 1;
  rest.erase(rest.begin() + a);
  const Tensor y = Tensor::empty(shape, {DType::int32, x.device()});
  kernels::argmax(n, rows.array(), y.array());
  return reshape(transpose(y, a, -1), rest.empty() ? Shape{1} : rest);
}

Tensor confusion(const Tensor& labels, const Tensor& predicted, Index classes) {
  require_indices("confusion", "labels", labels, classes);
  require_indices("confusion", "predicted", predicted, classes);
  require_same_kind("confusion", labels, predicted);
  require_shape("confusion", "predicted", predicted, labels.shape());
  Tensor counts = Tensor::empty({classes, classes}, labels.options());
  kernels::confusion(classes, labels.array(), predicted.array(), counts.array());
  return counts;
}

}  // namespace stillpoint

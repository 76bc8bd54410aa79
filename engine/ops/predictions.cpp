// Defines arg-max over rows and the confusion matrix, which have no derivative.
#include "kernels/predictions/predictions.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {

Tensor argmax(const Tensor& x) {
  require_rank("argmax", "x", x, 2);
  require(x.dim(1) > 0, "argmax: given shape ", to_text(x.shape()),
          ", expected columns > 0, check the shape");
  Tensor ids = Tensor::empty({x.dim(0)}, {DType::int32, x.device()});
  kernels::argmax(x.dim(1), x.array(), ids.array());
  return ids;
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

// Embedding and its adjoint, each the other's derivative.
#include "kernels/embedding/embedding.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

}  // namespace

Tensor embedding(const Tensor& table, const Tensor& ids) {
  require_rank("embedding", "table", table, 2);
  require_indices("embedding", "ids", ids, table.dim(0));
  Tensor y = Tensor::empty({ids.size(), table.dim(1)}, table.options());
  kernels::embedding(table.dim(1), table.array(), ids.array(), y.array());
  return record(y, "embedding", {table}, [ids](const VjpContext& c) {
    return Tensors{embedding_adjoint(c.g, ids, c.inputs[0].dim(0))};
  });
}

Tensor embedding_adjoint(const Tensor& y, const Tensor& ids, Index vocabulary) {
  require_rank("embedding_adjoint", "y", y, 2);
  require_indices("embedding_adjoint", "ids", ids, vocabulary);
  require_shape("embedding_adjoint", "y", y, {ids.size(), y.dim(1)});
  Tensor table = Tensor::empty({vocabulary, y.dim(1)}, y.options());
  kernels::embedding_adjoint(y.dim(1), y.array(), ids.array(), table.array());
  return record(table, "embedding_adjoint", {y},
                [ids](const VjpContext& c) { return Tensors{embedding(c.g, ids)}; });
}

}  // namespace stillpoint

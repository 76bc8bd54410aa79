// Embedding and gather, each with its adjoint, which is the other's derivative.
#include "kernels/embedding/embedding.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

Tensor gather_adjoint(const Tensor& y, const Tensor& ids, Index n);

// Along the last axis: n entries of width 1 for each row.
Tensor gather_last(const Tensor& x, const Tensor& ids) {
  Tensor y = Tensor::empty(ids.shape(), x.options());
  const Index n = x.dim(-1);
  if (y.size() > 0) kernels::embedding(1, x.array(), ids.array(), y.array(), ids.size() / ids.dim(-1));
  return record(y, "gather", {x},
                [ids, n](const VjpContext& c) { return Tensors{gather_adjoint(c.g, ids, n)}; });
}

Tensor gather_adjoint(const Tensor& y, const Tensor& ids, Index n) {
  Shape shape = ids.shape();
  shape.back() = n;
  Tensor x = Tensor::zeros(shape, y.options());
  if (y.size() > 0)
    kernels::embedding_adjoint(1, y.array(), ids.array(), x.array(), ids.size() / ids.dim(-1));
  return record(x, "gather_adjoint", {y},
                [ids](const VjpContext& c) { return Tensors{gather_last(c.g, ids)}; });
}

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

Tensor gather(const Tensor& x, const Tensor& ids, Index axis) {
  const Index a = require_axis("gather", x, axis);
  Shape shape = x.shape();
  if (ids.rank() == x.rank()) shape[std::size_t(a)] = ids.dim(a);
  require_shape("gather", "ids", ids, shape);
  require(ids.device() == x.device(), "gather: given ids on ", name_of(ids.device()), ", expected ",
          name_of(x.device()), ", copy them");
  require_indices("gather", "ids", reshape(ids, {ids.size()}), x.dim(a));
  return transpose(gather_last(transpose(x, a, -1), transpose(ids, a, -1)), a, -1);
}

}  // namespace stillpoint

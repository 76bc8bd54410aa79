// Causal convolution and its two adjoints, closed under differentiation; weight normalisation.
#include "kernels/conv1d/conv1d.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

kernels::Conv1dShape checked_shape(const char* op, const Shape& x, const Shape& w, const Shape& y,
                                   Conv1dOptions options) {
  const bool fits = x.size() == 3 && w.size() == 3 && y.size() == 3 && x[0] == y[0] && x[1] == w[1] &&
                    y[1] == w[0] && x[2] == y[2] && w[2] >= 1;
  require(fits, op, ": given x ", to_text(x), ", w ", to_text(w), ", y ", to_text(y),
          ", expected (N,Ci,T), (Co,Ci,K), (N,Co,T) with K >= 1, check the sizes");
  require(options.dilation >= 1, op, ": given dilation ", options.dilation, ", expected >= 1, raise it");
  return {x[0], x[1], y[1], x[2], w[2], options.dilation};
}

}  // namespace

Tensor conv1d(const Tensor& x, const Tensor& w, Conv1dOptions options) {
  require_rank("conv1d", "x", x, 3);
  require_rank("conv1d", "w", w, 3);
  require_same_kind("conv1d", x, w);
  Tensor y = Tensor::empty({x.dim(0), w.dim(0), x.dim(2)}, x.options());
  const auto shape = checked_shape("conv1d", x.shape(), w.shape(), y.shape(), options);
  kernels::conv1d(shape, x.array(), w.array(), y.array());
  return record(y, "conv1d", {x, w}, [options](const VjpContext& c) {
    return Tensors{
        c.wants(0) ? conv1d_data_adjoint(c.g, c.inputs[1], options) : Tensor(),
        c.wants(1) ? conv1d_weight_adjoint(c.g, c.inputs[0], c.inputs[1].dim(2), options) : Tensor()};
  });
}

Tensor conv1d_data_adjoint(const Tensor& y, const Tensor& w, Conv1dOptions options) {
  require_rank("conv1d_data_adjoint", "y", y, 3);
  require_rank("conv1d_data_adjoint", "w", w, 3);
  require_same_kind("conv1d_data_adjoint", y, w);
  Tensor x = Tensor::empty({y.dim(0), w.dim(1), y.dim(2)}, y.options());
  const auto shape = checked_shape("conv1d_data_adjoint", x.shape(), w.shape(), y.shape(), options);
  kernels::conv1d_data_adjoint(shape, y.array(), w.array(), x.array());
  return record(x, "conv1d_data_adjoint", {y, w}, [options](const VjpContext& c) {
    return Tensors{
        c.wants(0) ? conv1d(c.g, c.inputs[1], options) : Tensor(),
        c.wants(1) ? conv1d_weight_adjoint(c.inputs[0], c.g, c.inputs[1].dim(2), options) : Tensor()};
  });
}

Tensor conv1d_weight_adjoint(const Tensor& y, const Tensor& x, Index taps, Conv1dOptions options) {
  require_rank("conv1d_weight_adjoint", "y", y, 3);
  require_rank("conv1d_weight_adjoint", "x", x, 3);
  require_same_kind("conv1d_weight_adjoint", y, x);
  Tensor w = Tensor::empty({y.dim(1), x.dim(1), taps}, y.options());
  const auto shape = checked_shape("conv1d_weight_adjoint", x.shape(), w.shape(), y.shape(), options);
  kernels::conv1d_weight_adjoint(shape, y.array(), x.array(), w.array());
  return record(w, "conv1d_weight_adjoint", {y, x}, [options](const VjpContext& c) {
    return Tensors{c.wants(0) ? conv1d(c.inputs[1], c.g, options) : Tensor(),
                   c.wants(1) ? conv1d_data_adjoint(c.inputs[0], c.g, options) : Tensor()};
  });
}

}  // namespace stillpoint

// Maximum pooling and the two maps along its places, closed under differentiation.
#include "kernels/max_pool/max_pool.h"

#include <limits>

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

// Returns the shape of a pooled image from the places of its values.
kernels::MaxPoolShape shape_of(const Tensor& place, Index height, Index width, Index size) {
  return {place.dim(0) * place.dim(1), height, width, size};
}

Tensor gather_places(const Tensor& x, const Tensor& place, Index size);

// The gradient does not read the operand.
Tensor scatter(const Tensor& y, const Tensor& place, Index height, Index width, Index size) {
  Tensor x = Tensor::empty({y.dim(0), y.dim(1), height, width}, y.options());
  kernels::max_pool2d_scatter(shape_of(place, height, width, size), y.array(), place.array(), x.array());
  return record(x, "max_pool2d_scatter", {y},
                [place, size](const VjpContext& c) { return Tensors{gather_places(c.g, place, size)}; });
}

// The gradient does not read the operand.
Tensor gather_places(const Tensor& x, const Tensor& place, Index size) {
  Tensor y = Tensor::empty(place.shape(), x.options());
  const Index height = x.dim(2), width = x.dim(3);
  kernels::max_pool2d_gather(shape_of(place, height, width, size), x.array(), place.array(), y.array());
  return record(y, "max_pool2d_gather", {x}, [place, height, width, size](const VjpContext& c) {
    return Tensors{scatter(c.g, place, height, width, size)};
  });
}

}  // namespace

// The gradient reads the places of the output's values.
Tensor max_pool2d(const Tensor& x, Index size) {
  constexpr const char* op = "max_pool2d";
  require_rank(op, "x", x, 4);
  const Index height = x.dim(2), width = x.dim(3);
  require(size >= 1 && size <= height && size <= width, op, ": given windows of ", size, " x ", size,
          " over ", height, " x ", width,
          ", expected at least 1 and no more than the image, change the size");
  require(height * width <= std::numeric_limits<std::int32_t>::max(), op, ": given an image of ", height,
          " x ", width, ", expected fewer than 2^31 places, cut it");
  Tensor y = Tensor::empty({x.dim(0), x.dim(1), height / size, width / size}, x.options());
  const Tensor place = Tensor::empty(y.shape(), {DType::int32, x.device()});
  kernels::max_pool2d(shape_of(place, height, width, size), x.array(), y.array(), place.array());
  return record(y, op, {x}, [place, height, width, size](const VjpContext& c) {
    return Tensors{scatter(c.g, place, height, width, size)};
  });
}

}  // namespace stillpoint

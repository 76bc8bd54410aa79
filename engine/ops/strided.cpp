// Shape ops and sums: each is the adjoint of another (expand/sum_to, slice/pad, permute/permute).
#include "kernels/strided/strided.h"

#include <algorithm>
#include <numeric>

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

using kernels::View;
using Tensors = std::vector<Tensor>;

void require_small_rank(const char* op, const Tensor& x) {
  require(x.rank() <= kernels::max_rank, op, ": given shape ", to_text(x.shape()),
          ", expected rank <= ", kernels::max_rank, ", merge axes with reshape");
}

Shape strides_of(const Shape& shape) {
  Shape strides(shape.size());
  Index step = 1;
  for (std::size_t i = shape.size(); i-- > 0; step *= shape[i]) strides[i] = step;
  return strides;
}

View make_view(const Shape& size, const Shape& stride, Index offset = 0) {
  View view;
  view.rank = int(size.size());
  std::copy(size.begin(), size.end(), view.size.begin());
  std::copy(stride.begin(), stride.end(), view.stride.begin());
  view.offset = offset;
  return view;
}

// Returns the view of x with strides 0 where `shape` repeats it.
View expanded_view(const Tensor& x, const Shape& shape) {
  const Shape strides = strides_of(x.shape());
  const std::size_t missing = shape.size() - x.shape().size();
  Shape stride(shape.size(), 0);
  for (std::size_t i = missing; i < shape.size(); ++i)
    if (x.shape()[i - missing] == shape[i]) stride[i] = strides[i - missing];
  return make_view(shape, stride);
}

void require_expands(const char* op, const Shape& from, const Shape& to) {
  bool fits = from.size() <= to.size();
  for (std::size_t i = 0; fits && i < from.size(); ++i) {
    const Index p = from[from.size() - 1 - i];
    fits = p == 1 || p == to[to.size() - 1 - i];
  }
  require(fits, op, ": given ", to_text(from), " and ", to_text(to),
          ", expected the first to broadcast to the second, check the shapes");
}

Index offset_of(const Shape& place, const Shape& shape) {
  const Shape strides = strides_of(shape);
  Index offset = 0;
  for (std::size_t i = 0; i < place.size(); ++i) offset += place[i] * strides[i];
  return offset;
}

}  // namespace

Tensor reshape(const Tensor& x, Shape shape) {
  const auto unknown = std::find(shape.begin(), shape.end(), Index(-1));
  if (unknown != shape.end()) {
    *unknown = 1;
    const Index known = count(shape);
    require(known > 0 && x.size() % known == 0, "reshape: given ", to_text(x.shape()),
            " and sizes of product ", known, ", expected a divisor of ", x.size(), ", check the shape");
    *unknown = x.size() / known;
  }
  return record(with_shape(x, std::move(shape)), "reshape", {x},
                [](const VjpContext& c) { return Tensors{reshape(c.g, c.inputs[0].shape())}; });
}

Tensor permute(const Tensor& x, const std::vector<Index>& axes) {
  require_small_rank("permute", x);
  require(Index(axes.size()) == x.rank(), "permute: given ", axes.size(), " axes, expected ", x.rank(),
          ", name every axis");
  const Shape strides = strides_of(x.shape());
  Shape size, stride;
  std::vector<Index> inverse(axes.size(), -1);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const bool fresh = axes[i] >= 0 && axes[i] < x.rank() && inverse[std::size_t(axes[i])] < 0;
    require(fresh, "permute: given axis ", axes[i], ", expected each of 0..", x.rank() - 1,
            " once, check the axes");
    inverse[std::size_t(axes[i])] = Index(i);
    size.push_back(x.dim(axes[i]));
    stride.push_back(strides[std::size_t(axes[i])]);
  }
  Tensor y = Tensor::empty(size, x.options());
  kernels::gather(x.array(), make_view(size, stride), y.array());
  return record(y, "permute", {x}, [inverse](const VjpContext& c) { return Tensors{permute(c.g, inverse)}; });
}

Tensor transpose(const Tensor& x, Index a, Index b) {
  const Index first = require_axis("transpose", x, a), second = require_axis("transpose", x, b);
  if (first == second) return x;
  std::vector<Index> axes(std::size_t(x.rank()));
  std::iota(axes.begin(), axes.end(), Index(0));
  std::swap(axes[std::size_t(first)], axes[std::size_t(second)]);
  return permute(x, axes);
}

Tensor expand(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require_expands("expand", x.shape(), shape);
  require(shape.size() <= kernels::max_rank, "expand: given shape ", to_text(shape),
          ", expected rank <= ", kernels::max_rank, ", merge axes with reshape");
  Tensor y = Tensor::empty(shape, x.options());
  kernels::gather(x.array(), expanded_view(x, shape), y.array());
  return record(y, "expand", {x},
                [](const VjpContext& c) { return Tensors{sum_to(c.g, c.inputs[0].shape())}; });
}

Tensor sum_to(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  require_expands("sum_to", shape, x.shape());
  require_small_rank("sum_to", x);
  const Shape strides = strides_of(x.shape());
  const std::size_t missing = x.shape().size() - shape.size();
  Shape outer_size, outer_stride, inner_size, inner_stride;
  for (std::size_t i = 0; i < x.shape().size(); ++i) {
    const bool kept = i >= missing && shape[i - missing] == x.shape()[i];
    (kept ? outer_size : inner_size).push_back(x.shape()[i]);
    (kept ? outer_stride : inner_stride).push_back(strides[i]);
  }
  Tensor y = Tensor::empty(shape, x.options());
  if (y.size() == 1)
    kernels::sum(x.array(), y.array());
  else
    kernels::sum_strided(x.array(), make_view(outer_size, outer_stride), make_view(inner_size, inner_stride),
                         y.array());
  return record(y, "sum_to", {x},
                [](const VjpContext& c) { return Tensors{expand(c.g, c.inputs[0].shape())}; });
}

Tensor slice(const Tensor& x, const Shape& from, const Shape& to) {
  require_small_rank("slice", x);
  require(from.size() == x.shape().size() && to.size() == from.size(), "slice: given ranks ", from.size(),
          " and ", to.size(), ", expected ", x.rank(), ", name every axis");
  Shape size;
  for (std::size_t i = 0; i < from.size(); ++i) {
    require(0 <= from[i] && from[i] <= to[i] && to[i] <= x.shape()[i], "slice: given [", from[i], ", ", to[i],
            ") on axis ", i, ", expected a range inside [0, ", x.shape()[i], "), check the bounds");
    size.push_back(to[i] - from[i]);
  }
  Tensor y = Tensor::empty(size, x.options());
  kernels::gather(x.array(), make_view(size, strides_of(x.shape()), offset_of(from, x.shape())), y.array());
  return record(y, "slice", {x},
                [from](const VjpContext& c) { return Tensors{pad(c.g, from, c.inputs[0].shape())}; });
}

Tensor pad(const Tensor& x, const Shape& before, const Shape& shape) {
  require_small_rank("pad", x);
  require(before.size() == x.shape().size() && shape.size() == before.size(), "pad: given ranks ",
          before.size(), " and ", shape.size(), ", expected ", x.rank(), ", name every axis");
  Shape end;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    end.push_back(before[i] + x.shape()[i]);
    require(before[i] >= 0 && end[i] <= shape[i], "pad: given size ", x.shape()[i], " at ", before[i],
            " on axis ", i, ", expected to fit into ", shape[i], ", check the sizes");
  }
  Tensor y = Tensor::empty(shape, x.options());
  kernels::scatter(x.array(), make_view(x.shape(), strides_of(shape), offset_of(before, shape)), y.array());
  return record(y, "pad", {x},
                [before, end](const VjpContext& c) { return Tensors{slice(c.g, before, end)}; });
}

Tensor concat(const std::vector<Tensor>& parts, Index axis) {
  require(!parts.empty(), "concat: given no tensors, expected at least one, check the list");
  const Tensor& first = parts[0];
  require_small_rank("concat", first);
  const std::size_t a = std::size_t(require_axis("concat", first, axis));
  Shape shape = first.shape();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    require_same_kind("concat", first, parts[i]);
    Shape like = first.shape();
    if (parts[i].rank() == first.rank()) like[a] = parts[i].shape()[a];
    require_shape("concat", "a part", parts[i], like);
    shape[a] += like[a];
  }
  Tensor y = Tensor::empty(shape, first.options());
  Shape from(shape.size(), 0);
  for (const Tensor& part : parts) {
    kernels::place(part.array(), make_view(part.shape(), strides_of(shape), offset_of(from, shape)),
                   y.array());
    from[a] += part.shape()[a];
  }
  return record(y, "concat", parts, [a](const VjpContext& c) {
    Tensors gradients;
    Shape begin(c.g.shape().size(), 0), end = c.g.shape();
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      end[a] = begin[a] + c.inputs[i].shape()[a];
      gradients.push_back(c.wants(i) ? slice(c.g, begin, end) : Tensor());
      begin[a] = end[a];
    }
    return gradients;
  });
}

Tensor stack(const std::vector<Tensor>& parts, Index axis) {
  require(!parts.empty(), "stack: given no tensors, expected at least one, check the list");
  Shape shape = parts[0].shape();
  const Index rank = Index(shape.size()) + 1;
  require(axis >= -rank && axis < rank, "stack: given axis ", axis, ", expected one of the result's ", rank,
          ", check the rank");
  shape.insert(shape.begin() + (axis < 0 ? axis + rank : axis), 1);
  Tensors rows;
  for (const Tensor& part : parts) {
    require_shape("stack", "a part", part, parts[0].shape());
    rows.push_back(reshape(part, shape));
  }
  return concat(rows, axis);
}

Tensor sum(const Tensor& x, const std::vector<Index>& axes, SumOptions options) {
  Shape ones = x.shape(), rest;
  for (const Index axis : axes) ones[std::size_t(require_axis("sum", x, axis))] = -1;
  for (Index& size : ones) {
    if (size >= 0) rest.push_back(size);
    size = size < 0 ? 1 : size;
  }
  if (rest.empty()) rest = {1};
  const Tensor total = sum_to(x, ones);
  return options.keep_axes ? total : reshape(total, rest);
}

Tensor mean(const Tensor& x, const std::vector<Index>& axes, SumOptions options) {
  const Tensor total = sum(x, axes, options);
  require(x.size() > 0, "mean: given shape ", to_text(x.shape()), ", expected elements, check the shape");
  return affine(total, double(total.size()) / double(x.size()), 0);
}

Tensor sum(const Tensor& x) { return reshape(sum_to(x, Shape(x.shape().size(), 1)), {1}); }

Tensor mean(const Tensor& x) {
  require(x.size() > 0, "mean: given no elements, expected at least one, check the shape");
  return affine(sum(x), 1.0 / double(x.size()), 0);
}

}  // namespace stillpoint

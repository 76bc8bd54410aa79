// Two-dimensional convolution and its two adjoints, closed under differentiation.
#include "kernels/conv2d/conv2d.h"

#include <algorithm>

#include "engine/ops.h"
#include "engine/ops/check.h"
#include "kernels/conv2d/conv2d_bias.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

// Checks x (N,Ci,H,W) and w (Co,Ci,Kh,Kw) and returns their shape.
kernels::Conv2dShape checked_shape(const char* op, const Shape& x, const Shape& w, const Conv2dOptions& o) {
  require(x.size() == 4 && w.size() == 4 && x[1] == w[1], op, ": given x ", to_text(x), ", w ", to_text(w),
          ", expected (N,Ci,H,W), (Co,Ci,Kh,Kw), check the sizes");
  require(o.stride >= 1 && o.padding >= 0, op, ": given stride ", o.stride, " and padding ", o.padding,
          ", expected at least 1 and 0, change them");
  const Index room = std::min(x[2] - w[2], x[3] - w[3]) + 2 * o.padding;
  require(w[2] >= 1 && w[3] >= 1 && room >= 0, op, ": given a kernel of ", w[2], " x ", w[3], " over ", x[2],
          " x ", x[3], " with padding ", o.padding, ", expected it to fit, choose a smaller one");
  require(!o.circular || 2 * o.padding < std::min(w[2], w[3]), op, ": given a circular padding of ",
          o.padding, " for a kernel of ", w[2], " x ", w[3], ", expected less than half of it, lower it");
  return {x[0], x[1], w[0], x[2], x[3], w[2], w[3], o.stride, o.padding, o.circular};
}

void require_output(const char* op, const kernels::Conv2dShape& s, const Tensor& y) {
  require_shape(op, "y", y, {s.batch, s.out_channels, s.out_height(), s.out_width()});
}

Shape plane(const Tensor& t) { return {t.dim(2), t.dim(3)}; }

void require_plane(const char* op, const char* name, const Shape& sizes) {
  require(sizes.size() == 2, op, ": given ", name, ' ', to_text(sizes),
          ", expected two sizes, give height and width");
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, Conv2dOptions options) {
  require_rank("conv2d", "x", x, 4);
  require_rank("conv2d", "w", w, 4);
  require_same_kind("conv2d", x, w);
  const auto s = checked_shape("conv2d", x.shape(), w.shape(), options);
  Tensor y = Tensor::empty({s.batch, s.out_channels, s.out_height(), s.out_width()}, x.options());
  kernels::conv2d(s, x.array(), w.array(), y.array());
  return record(y, "conv2d", {x, w}, [options](const VjpContext& c) {
    const Tensor &image = c.inputs[0], &taps = c.inputs[1];
    return Tensors{c.wants(0) ? conv2d_data_adjoint(c.g, taps, plane(image), options) : Tensor(),
                   c.wants(1) ? conv2d_weight_adjoint(c.g, image, plane(taps), options) : Tensor()};
  });
}

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& b, Conv2dOptions options) {
  require_rank("conv2d", "x", x, 4);
  require_rank("conv2d", "w", w, 4);
  require_same_kind("conv2d", x, w);
  require_same_kind("conv2d", x, b);
  require_shape("conv2d", "b", b, {w.dim(0)});
  const auto s = checked_shape("conv2d", x.shape(), w.shape(), options);
  Tensor y = Tensor::empty({s.batch, s.out_channels, s.out_height(), s.out_width()}, x.options());
  kernels::conv2d_bias(s, x.array(), w.array(), b.array(), y.array());
  return record(y, "conv2d", {x, w, b}, [options, s](const VjpContext& c) {
    const Tensor &image = c.inputs[0], &taps = c.inputs[1];
    Tensor dx = c.wants(0) ? conv2d_data_adjoint(c.g, taps, plane(image), options) : Tensor();
    if (!Recording::on() && c.wants(1)) {
      const Tensor dw = Tensor::empty(taps.shape(), taps.options()),
                   db = Tensor::empty({s.out_channels}, taps.options());
      kernels::conv2d_bias_adjoint(s, c.g.array(), image.array(), dw.array(), db.array());
      return Tensors{dx, dw, db};
    }
    return Tensors{dx, c.wants(1) ? conv2d_weight_adjoint(c.g, image, plane(taps), options) : Tensor(),
                   c.wants(2) ? reshape(sum_to(c.g, {1, s.out_channels, 1, 1}), {s.out_channels}) : Tensor()};
  });
}

Tensor conv2d_data_adjoint(const Tensor& y, const Tensor& w, const Shape& height_width,
                           Conv2dOptions options) {
  constexpr const char* op = "conv2d_data_adjoint";
  require_rank(op, "y", y, 4);
  require_rank(op, "w", w, 4);
  require_same_kind(op, y, w);
  require_plane(op, "height_width", height_width);
  Tensor x = Tensor::empty({y.dim(0), w.dim(1), height_width[0], height_width[1]}, y.options());
  const auto s = checked_shape(op, x.shape(), w.shape(), options);
  require_output(op, s, y);
  kernels::conv2d_data_adjoint(s, y.array(), w.array(), x.array());
  return record(x, op, {y, w}, [options](const VjpContext& c) {
    return Tensors{
        c.wants(0) ? conv2d(c.g, c.inputs[1], options) : Tensor(),
        c.wants(1) ? conv2d_weight_adjoint(c.inputs[0], c.g, plane(c.inputs[1]), options) : Tensor()};
  });
}

Tensor conv2d_weight_adjoint(const Tensor& y, const Tensor& x, const Shape& kernel, Conv2dOptions options) {
  constexpr const char* op = "conv2d_weight_adjoint";
  require_rank(op, "y", y, 4);
  require_rank(op, "x", x, 4);
  require_same_kind(op, y, x);
  require_plane(op, "kernel", kernel);
  Tensor w = Tensor::empty({y.dim(1), x.dim(1), kernel[0], kernel[1]}, y.options());
  const auto s = checked_shape(op, x.shape(), w.shape(), options);
  require_output(op, s, y);
  kernels::conv2d_weight_adjoint(s, y.array(), x.array(), w.array());
  return record(w, op, {y, x}, [options](const VjpContext& c) {
    return Tensors{
        c.wants(0) ? conv2d(c.inputs[1], c.g, options) : Tensor(),
        c.wants(1) ? conv2d_data_adjoint(c.inputs[0], c.g, plane(c.inputs[1]), options) : Tensor()};
  });
}

}  // namespace stillpoint

// Batch normalisation with ReLU; its higher derivatives go through the composition of plain ops.
#include "kernels/batch_norm/batch_norm.h"

#include <algorithm>
#include <limits>

#include "engine/ops.h"
#include "engine/ops/check.h"
#include "kernels/group/shared_batch.h"

namespace stillpoint {
namespace {

// Checks x and returns its shape.
kernels::BatchNormShape shape_of(const char* op, const Tensor& x, BatchNormOptions options) {
  require_rank(op, "x", x, 4);
  const kernels::BatchNormShape s{x.dim(0), x.dim(1), x.dim(2), x.dim(3), options.pool};
  require(s.pool >= 1 && s.pool <= std::max<Index>(1, std::min(s.height, s.width)), op, ": given windows of ",
          s.pool, " x ", s.pool, " over ", s.height, " x ", s.width,
          ", expected at least 1 and no more than the image, change the pool");
  require(s.places() <= std::numeric_limits<std::int32_t>::max(), op, ": given images of ", s.height, " x ",
          s.width, ", expected fewer than 2^31 places, cut them into tiles");
  return s;
}

Tensor empty_output(const kernels::BatchNormShape& s, const Tensor& x) {
  return Tensor::empty({s.batch, s.channels, s.out_height(), s.out_width()}, x.options());
}

// (C) as (1,C,1,1), which broadcasts over images.
Tensor per_channel(const Tensor& t) { return reshape(t, {1, t.dim(0), 1, 1}); }

Tensor channel_mean(const Tensor& x) {
  return affine(sum_to(x, {1, x.dim(1), 1, 1}), 1 / double(x.dim(0) * x.dim(2) * x.dim(3)), 0);
}

Tensor normalised(const Tensor& centred, const Tensor& variance, const Tensor& gain, const Tensor& shift,
                  Index pool) {
  const Tensor inverse = reciprocal(square_root(affine(variance, 1, kernels::batch_norm_eps)));
  const Tensor y = relu(centred * inverse * per_channel(gain) + per_channel(shift));
  return pool == 1 ? y : max_pool2d(y, pool);
}

Tensor reference(const Tensor& x, const Tensor& gain, const Tensor& shift, Index pool) {
  const Tensor centred = x - channel_mean(x);
  return normalised(centred, channel_mean(square(centred)), gain, shift, pool);
}

void require_channels(const char* op, const char* name, const Tensor& x, const Tensor& t) {
  require_same_kind(op, x, t);
  require_shape(op, name, t, {x.dim(1)});
}

}  // namespace

// The gradient reads the input, and computes again the normalised values, their signs and the largest of a
// window.
BatchNormValue batch_norm_relu(const Tensor& x, const Tensor& gain, const Tensor& shift,
                               BatchNormOptions options) {
  constexpr const char* op = "batch_norm_relu";
  const auto s = shape_of(op, x, options);
  require_channels(op, "gain", x, gain);
  require_channels(op, "shift", x, shift);
  require(s.values() > 1, op, ": given x of shape ", to_text(x.shape()),
          ", expected at least 2 values per channel, use a larger batch");
  Tensor y = empty_output(s, x);
  const Tensor mean = Tensor::empty({s.channels}, x.options()),
               variance = Tensor::empty({s.channels}, x.options());
  kernels::batch_norm_statistics(s, x.array(), mean.array(), variance.array());
  kernels::batch_norm_relu(s, {gain.array(), shift.array(), mean.array(), variance.array()}, x.array(),
                           y.array());
  y = record(y, op, {x, gain, shift}, [s, mean, variance](const VjpContext& c) {
    const Tensor &image = c.inputs[0], &scale = c.inputs[1], &offset = c.inputs[2];
    if (Recording::on()) {
      require(kernels::SharedBatch::current() == nullptr,
              "batch_norm_relu: given a second derivative of a batch that ranks share, expected a first one, "
              "use one process");
      return grad_through(c, reference(image, scale, offset, s.pool));
    }
    Tensor dx = Tensor::empty(image.shape(), image.options()),
           dgain = Tensor::empty(scale.shape(), scale.options()),
           dshift = Tensor::empty(offset.shape(), offset.options());
    kernels::batch_norm_relu_backward(s, {scale.array(), offset.array(), mean.array(), variance.array()},
                                      image.array(), c.g.array(), dx.array(), dgain.array(), dshift.array());
    return std::vector<Tensor>{dx, dgain, dshift};
  });
  return {y, mean, variance};
}

Tensor batch_norm_relu_inference(const Tensor& x, const Tensor& gain, const Tensor& shift, const Tensor& mean,
                                 const Tensor& variance, BatchNormOptions options) {
  constexpr const char* op = "batch_norm_relu_inference";
  const auto s = shape_of(op, x, options);
  require_channels(op, "gain", x, gain);
  require_channels(op, "shift", x, shift);
  require_channels(op, "mean", x, mean);
  require_channels(op, "variance", x, variance);
  Tensor y = empty_output(s, x);
  kernels::batch_norm_relu(s, {gain.array(), shift.array(), mean.array(), variance.array()}, x.array(),
                           y.array());
  return record(y, op, {x, gain, shift, mean, variance}, [s](const VjpContext& c) {
    const auto& in = c.inputs;
    const bool recorded = Recording::on();
    const Recording again(true);
    const Tensor value = normalised(in[0] - per_channel(in[3]), per_channel(in[4]), in[1], in[2], s.pool);
    std::vector<Tensor> gradients = grad_through(c, value);
    for (Tensor& g : gradients)
      if (!recorded && g.defined()) g = g.detach();
    return gradients;
  });
}

}  // namespace stillpoint

// Batch normalisation with ReLU; its higher derivatives go through the composition of plain ops.
#include "kernels/batch_norm.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

kernels::BatchNormShape shape_of(const Tensor& x) { return {x.dim(0), x.dim(1), x.dim(2) * x.dim(3)}; }

// (C) as (1,C,1,1), which broadcasts over images.
Tensor per_channel(const Tensor& t) { return reshape(t, {1, t.dim(0), 1, 1}); }

Tensor channel_mean(const Tensor& x) {
  return affine(sum_to(x, {1, x.dim(1), 1, 1}), 1 / double(shape_of(x).values()), 0);
}

Tensor normalised(const Tensor& centred, const Tensor& variance, const Tensor& gain, const Tensor& shift) {
  const Tensor inverse = reciprocal(square_root(affine(variance, 1, kernels::batch_norm_eps)));
  return relu(centred * inverse * per_channel(gain) + per_channel(shift));
}

Tensor reference(const Tensor& x, const Tensor& gain, const Tensor& shift) {
  const Tensor centred = x - channel_mean(x);
  return normalised(centred, channel_mean(square(centred)), gain, shift);
}

void require_channels(const char* op, const char* name, const Tensor& x, const Tensor& t) {
  require_same_kind(op, x, t);
  require_shape(op, name, t, {x.dim(1)});
}

}  // namespace

// reads the input: what it normalises to and where that is positive is computed again
BatchNormValue batch_norm_relu(const Tensor& x, const Tensor& gain, const Tensor& shift) {
  constexpr const char* op = "batch_norm_relu";
  require_rank(op, "x", x, 4);
  require_channels(op, "gain", x, gain);
  require_channels(op, "shift", x, shift);
  const auto s = shape_of(x);
  require(s.values() > 1, op, ": given x of shape ", to_text(x.shape()),
          ", expected at least 2 values per channel, use a larger batch");
  Tensor y = Tensor::empty(x.shape(), x.options());
  const Tensor mean = Tensor::empty({s.channels}, x.options()),
               variance = Tensor::empty({s.channels}, x.options());
  kernels::batch_norm_statistics(s, x.array(), mean.array(), variance.array());
  kernels::batch_norm_relu(s, {gain.array(), shift.array(), mean.array(), variance.array()}, x.array(),
                           y.array());
  y = record(y, op, {x, gain, shift}, [s, mean, variance](const VjpContext& c) {
    const Tensor &image = c.inputs[0], &scale = c.inputs[1], &offset = c.inputs[2];
    if (Recording::on()) return grad_through(c, reference(image, scale, offset));
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
                                 const Tensor& variance) {
  constexpr const char* op = "batch_norm_relu_inference";
  require_rank(op, "x", x, 4);
  require_channels(op, "gain", x, gain);
  require_channels(op, "shift", x, shift);
  require_channels(op, "mean", x, mean);
  require_channels(op, "variance", x, variance);
  Tensor y = Tensor::empty(x.shape(), x.options());
  kernels::batch_norm_relu(shape_of(x), {gain.array(), shift.array(), mean.array(), variance.array()},
                           x.array(), y.array());
  return record(y, op, {x, gain, shift, mean, variance}, [](const VjpContext& c) {
    const auto& in = c.inputs;
    const bool recorded = Recording::on();
    const Recording again(true);
    const Tensor value = normalised(in[0] - per_channel(in[3]), per_channel(in[4]), in[1], in[2]);
    std::vector<Tensor> gradients = grad_through(c, value);
    for (Tensor& g : gradients)
      if (!recorded && g.defined()) g = g.detach();
    return gradients;
  });
}

}  // namespace stillpoint

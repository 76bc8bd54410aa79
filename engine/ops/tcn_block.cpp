// The fused TCN block as one op; its higher derivatives go through the composition of plain ops.
#include "kernels/tcn_block/tcn_block.h"

#include "engine/ops.h"
#include "engine/ops/check.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

Tensors inputs_of(const Tensor& x, const TcnBlockParams& p) {
  Tensors inputs{x, p.v1, p.g1, p.b1, p.v2, p.g2, p.b2};
  if (p.down_w.defined()) inputs.insert(inputs.end(), {p.down_w, p.down_b});
  return inputs;
}

TcnBlockParams params_of(const Tensors& t) {
  TcnBlockParams p{t[1], t[2], t[3], t[4], t[5], t[6], {}, {}};
  if (t.size() > 7) {
    p.down_w = t[7];
    p.down_b = t[8];
  }
  return p;
}

kernels::TcnBlockWeights weights_of(const TcnBlockParams& p) {
  kernels::TcnBlockWeights w{p.v1.array(), p.g1.array(), p.b1.array(), p.v2.array(),
                             p.g2.array(), p.b2.array(), {},           {}};
  if (p.down_w.defined()) {
    w.down_w = p.down_w.array();
    w.down_b = p.down_b.array();
  }
  return w;
}

kernels::TcnBlockShape checked_shape(const Tensor& x, const TcnBlockParams& p, Conv1dOptions options) {
  const char* const op = "tcn_block";
  require_rank(op, "x", x, 3);
  require_rank(op, "v1", p.v1, 3);
  const Index channels = p.v1.dim(0), in = x.dim(1), taps = p.v1.dim(2);
  require(in > 0 && channels > 0 && taps > 0, op, ": given v1 of shape ", to_text(p.v1.shape()), " and x of ",
          to_text(x.shape()), ", expected channels and taps, check the block");
  require_shape(op, "v1", p.v1, {channels, in, taps});
  require_shape(op, "v2", p.v2, {channels, channels, taps});
  for (const Tensor& t : {p.g1, p.b1, p.g2, p.b2}) require_shape(op, "a gain or bias", t, {channels});
  require((in != channels) == p.down_w.defined() && p.down_w.defined() == p.down_b.defined(), op, ": given ",
          in, " input and ", channels, " output channels ", p.down_w.defined() ? "with" : "without",
          " a down-sampling map, expected one exactly where they differ, check the block");
  if (p.down_w.defined()) {
    require(p.down_w.size() == channels * in, op, ": given down_w of shape ", to_text(p.down_w.shape()),
            ", expected ", channels, " x ", in, ", check the block");
    require_shape(op, "down_b", p.down_b, {channels});
  }
  for (const Tensor& t : inputs_of(x, p)) require_same_kind(op, x, t);
  require(options.dilation >= 1, op, ": given dilation ", options.dilation, ", expected >= 1, raise it");
  return {x.dim(0), in, channels, x.dim(2), taps, options.dilation};
}

// Computes the gradients by the kernel, unrecorded.
Tensors fused_vjp(const VjpContext& c, const kernels::TcnBlockShape& shape, const kernels::TcnBlockMid& mid) {
  Tensors gradients;
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    gradients.push_back(i > 0 || c.wants(0) ? Tensor::empty(c.inputs[i].shape(), c.g.options()) : Tensor());
  const Array dx = gradients[0].defined() ? gradients[0].array() : Array{};
  kernels::tcn_block_backward(shape, weights_of(params_of(c.inputs)), c.inputs[0].array(), mid, c.y.array(),
                              c.g.array(), dx, weights_of(params_of(gradients)));
  return gradients;
}

}  // namespace

// The gradients read x, the weights, the output and both inner activations.
Tensor tcn_block(const Tensor& x, const TcnBlockParams& params, Conv1dOptions options) {
  const kernels::TcnBlockShape shape = checked_shape(x, params, options);
  const Shape out{shape.batch, shape.channels, shape.length};
  Tensor y = Tensor::empty(out, x.options());
  const Tensor a = Tensor::empty(out, x.options()), h = Tensor::empty(out, x.options());
  kernels::tcn_block_forward(shape, weights_of(params), x.array(), a.array(), h.array(), y.array());
  return record(y, "tcn_block", inputs_of(x, params), [=](const VjpContext& c) {
    if (!Recording::on()) return fused_vjp(c, shape, {a.array(), h.array()});
    return grad_through(c, tcn_block_reference(c.inputs[0], params_of(c.inputs), options));
  });
}

Tensor tcn_block_reference(const Tensor& x, const TcnBlockParams& p, Conv1dOptions options) {
  const auto convolve = [&](const Tensor& in, const Tensor& v, const Tensor& g, const Tensor& b) {
    return relu(add(conv1d(in, weight_norm(v, g), options), reshape(b, {1, b.dim(0), 1})));
  };
  const Tensor h = convolve(convolve(x, p.v1, p.g1, p.b1), p.v2, p.g2, p.b2);
  if (!p.down_w.defined()) return relu(add(h, x));
  const Tensor w = reshape(p.down_w, {p.down_w.dim(0), x.dim(1), 1});
  return relu(add(h, add(conv1d(x, w), reshape(p.down_b, {1, p.down_b.dim(0), 1}))));
}

}  // namespace stillpoint

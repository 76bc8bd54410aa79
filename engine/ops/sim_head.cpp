// The fused SIM head and the layers that are its special cases; higher derivatives go through the
// composition.
#include "kernels/sim_head/sim_head.h"

#include "engine/ops.h"
#include "engine/ops/check.h"
#include "kernels/gemm/gemm.h"

namespace stillpoint {
namespace {

using Tensors = std::vector<Tensor>;

// The inputs are x, then each layer's w and, if it has one, b; `plan` remembers which layer has what. The
// layout of what forward saves depends on the precision, so backward has to run in the same one.
struct ChainLayout {
  kernels::Precision precision = kernels::precision();
  std::vector<Activation> activations;
  std::vector<bool> has_bias;
};

Tensors inputs_of(const Tensor& x, const std::vector<HeadLayer>& layers) {
  Tensors inputs{x};
  for (const HeadLayer& layer : layers) {
    inputs.push_back(layer.w);
    if (layer.b.defined()) inputs.push_back(layer.b);
  }
  return inputs;
}

std::vector<HeadLayer> layers_of(const ChainLayout& plan, const Tensors& inputs) {
  std::vector<HeadLayer> layers;
  std::size_t next = 1;
  for (std::size_t l = 0; l < plan.activations.size(); ++l) {
    HeadLayer layer{inputs[next++], {}, plan.activations[l]};
    if (plan.has_bias[l]) layer.b = inputs[next++];
    layers.push_back(layer);
  }
  return layers;
}

Array array_or_null(const Tensor& x) { return x.defined() ? x.array() : Array{}; }

std::vector<kernels::SimHeadLayer> kernel_layers_of(const std::vector<HeadLayer>& layers) {
  std::vector<kernels::SimHeadLayer> chain;
  chain.reserve(layers.size());
  for (const HeadLayer& layer : layers)
    chain.push_back({layer.w.dim(1), layer.w.dim(0), layer.activation, layer.w.array(),
                     array_or_null(layer.b), layer.w.requires_grad() || layer.b.requires_grad()});
  return chain;
}

// Checks the layers against x and returns the width of the last.
Index checked_width(const Tensor& x, const std::vector<HeadLayer>& layers) {
  require_rank("sim_head", "x", x, 2);
  require(!layers.empty(), "sim_head: given no layers, expected at least one, check the model");
  Index width = x.dim(1);
  for (const HeadLayer& layer : layers) {
    require_rank("sim_head", "w", layer.w, 2);
    require_same_kind("sim_head", x, layer.w);
    require_shape("sim_head", "w", layer.w, {layer.w.dim(0), width});
    require(layer.w.size() > 0, "sim_head: given w of shape ", to_text(layer.w.shape()),
            ", expected widths above 0, check the model");
    if (layer.b.defined()) {
      require_shape("sim_head", "b", layer.b, {layer.w.dim(0)});
      require_same_kind("sim_head", x, layer.b);
    }
    width = layer.w.dim(0) * (layer.activation == Activation::fourier ? 2 : 1);
  }
  return width;
}

Tensors fused_vjp(const VjpContext& c, const ChainLayout& plan, const Tensor& saved) {
  const kernels::ScopedPrecision as_forward(plan.precision);
  Tensors gradients;
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    gradients.push_back(c.wants(i) ? Tensor::empty(c.inputs[i].shape(), c.g.options()) : Tensor());
  kernels::SimHeadGrads out{array_or_null(gradients[0]), {}, {}};
  std::size_t next = 1;
  for (bool has_bias : plan.has_bias) {
    out.dw.push_back(array_or_null(gradients[next++]));
    out.db.push_back(has_bias ? array_or_null(gradients[next++]) : Array{});
  }
  kernels::sim_head_backward(c.g.dim(0), kernel_layers_of(layers_of(plan, c.inputs)), c.inputs[0].array(),
                             c.y.array(), saved.array(), c.g.array(), out);
  return gradients;
}

}  // namespace

// The gradients read x, the weights and the inner activations (in the kernel's own layout).
Tensor sim_head(const Tensor& x, const std::vector<HeadLayer>& layers) {
  const Index width = checked_width(x, layers);
  const std::vector<kernels::SimHeadLayer> chain = kernel_layers_of(layers);
  if (!kernels::sim_head_rounds_as_asked(chain, x.dtype(), x.device())) return sim_head_reference(x, layers);
  Tensor y = Tensor::empty({x.dim(0), width}, x.options());
  const Tensors inputs = inputs_of(x, layers);
  bool differentiated = false;
  for (const Tensor& input : inputs)
    differentiated = differentiated || (Recording::on() && input.requires_grad());
  const Tensor saved =
      differentiated ? Tensor::empty({kernels::sim_head_saved_size(x.dim(0), chain, x.device())}, x.options())
                     : Tensor();
  kernels::sim_head_forward(x.dim(0), chain, x.array(), y.array(), array_or_null(saved));
  ChainLayout plan;
  for (const HeadLayer& layer : layers) {
    plan.activations.push_back(layer.activation);
    plan.has_bias.push_back(layer.b.defined());
  }
  return record(y, "sim_head", inputs, [plan, saved](const VjpContext& c) {
    if (!Recording::on()) return fused_vjp(c, plan, saved);
    return grad_through(c, sim_head_reference(c.inputs[0], layers_of(plan, c.inputs)));
  });
}

Tensor sim_head_reference(const Tensor& x, const std::vector<HeadLayer>& layers) {
  checked_width(x, layers);
  Tensor z = x;
  for (const HeadLayer& layer : layers) {
    if (layer.activation == Activation::relu)
      z = linear_relu(z, layer.w, layer.b);
    else
      z = linear(z, layer.w, layer.b);
    if (layer.activation == Activation::fourier) z = lift(z);
  }
  return z;
}

Tensor koopman(const Tensor& x, const Tensor& u, const Tensor& vt) {
  return sim_head(x, {{vt, {}, Activation::identity}, {u, {}, Activation::identity}});
}

Tensor random_fourier_features(const Tensor& x, const Tensor& omega) {
  return sim_head(x, {{omega, {}, Activation::fourier}});
}

}  // namespace stillpoint

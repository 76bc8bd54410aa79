// Optimisers: they keep their state, send the coefficients and call the update kernels.
#include "engine/optim.h"

#include "kernels/update/update.h"

namespace stillpoint {

Optimiser::Optimiser(const ParamList& params, OptimiserConfig config)
    : config_(std::move(config)), params_(params.trainable()) {
  require(is_adam() || config_.kind == "rmsprop" || config_.kind == "sgd", "optimiser: given '", config_.kind,
          "', expected adam, adamw, rmsprop or sgd, choose one");
  require(!params_.empty(), "optimiser: given no parameters, expected at least one, check the model");
  for (const NamedTensor& p : params_) {
    m_.push_back(Tensor::zeros(p.tensor.shape(), p.tensor.options()));
    if (config_.kind != "sgd") v_.push_back(Tensor::zeros(p.tensor.shape(), p.tensor.options()));
  }
  norm_ = Tensor::zeros({1}, params_[0].tensor.options());
  factor_ = Tensor::zeros({1}, params_[0].tensor.options());
  coefficients_ = Tensor::zeros({is_adam() ? 4 : 2}, params_[0].tensor.options());
}

void Optimiser::begin_step(double lr) {
  ++steps_;
  std::vector<double> values;
  if (is_adam()) {
    const auto c = kernels::adam_coefficients(lr, config_.beta1, config_.beta2, steps_, decoupled_decay());
    values.assign(c.begin(), c.end());
  } else {
    const auto c = kernels::sgd_coefficients(lr, config_.momentum, steps_);
    values.assign(c.begin(), c.end());
  }
  const Tensor host = Tensor::from(values, coefficients_.shape(), {coefficients_.dtype()});
  upload_.start(coefficients_.device(), host.array().data, std::size_t(host.size() * size_of(host.dtype())));
  upload_.finish(coefficients_.array().data);
}

Tensor Optimiser::apply(const std::vector<Tensor>& gradients) {
  std::vector<Array> arrays;
  arrays.reserve(gradients.size());
  for (const Tensor& g : gradients) arrays.push_back(g.array());
  return apply(arrays);
}

Tensor Optimiser::apply(const std::vector<Array>& gradients) {
  require(gradients.size() == params_.size(), "optimiser: given ", gradients.size(), " gradients, expected ",
          params_.size(), ", pass one per parameter");
  std::vector<kernels::AdamTensor> table;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const Array param = params_[i].tensor.array(), &g = gradients[i];
    require(g.size == param.size && g.dtype == param.dtype && g.device == param.device,
            "optimiser: given a gradient of ", g.size, " elements of ", name_of(g.dtype), " on ",
            name_of(g.device), " for ", params_[i].name, ", expected ", param.size, " of ",
            name_of(param.dtype), " on ", name_of(param.device), ", check the loss");
    table.push_back({param, g, m_[i].array(), v_.empty() ? Array{} : v_[i].array()});
  }
  const Array coefficients = coefficients_.array();
  const kernels::ClipTo clipped{config_.clip, config_.clip > 0 ? factor_.array() : Array{}};
  kernels::global_norm(gradients, norm_.array(), clipped);
  const Array* const clip = config_.clip > 0 ? &clipped.factor : nullptr;
  const kernels::AdamOptions options{
      .beta2 = config_.beta2, .eps = config_.eps, .weight_decay = config_.weight_decay - decoupled_decay()};
  if (is_adam())
    kernels::adam_step(table, options, coefficients, clip);
  else if (config_.kind == "rmsprop")
    kernels::rmsprop_step(table, options, coefficients, clip);
  else
    kernels::sgd_step(table, config_.weight_decay, coefficients, clip);
  return norm_;
}

Tensor Optimiser::update(const std::vector<Tensor>& gradients, double lr) {
  begin_step(lr);
  return apply(gradients);
}

std::vector<NamedTensor> Optimiser::state() const {
  std::vector<NamedTensor> out;
  for (std::size_t i = 0; i < params_.size(); ++i) out.push_back({"m/" + params_[i].name, m_[i]});
  for (std::size_t i = 0; i < v_.size(); ++i) out.push_back({"v/" + params_[i].name, v_[i]});
  return out;
}

}  // namespace stillpoint

// Optimisers.
#include "engine/optim.h"

#include "kernels/adam.h"

namespace stillpoint {

Optimiser::Optimiser(const ParamList& params, OptimiserConfig config)
    : config_(std::move(config)), params_(params.trainable()) {
  require(config_.kind == "adam" || config_.kind == "sgd", "optimiser: given '", config_.kind,
          "', expected adam or sgd, choose one");
  require(!params_.empty(), "optimiser: given no parameters, expected at least one, check the model");
  for (const NamedTensor& p : params_) {
    m_.push_back(Tensor::zeros(p.tensor.shape(), p.tensor.options()));
    if (config_.kind == "adam") v_.push_back(Tensor::zeros(p.tensor.shape(), p.tensor.options()));
  }
  norm_ = Tensor::zeros({1}, params_[0].tensor.options());
  factor_ = Tensor::zeros({1}, params_[0].tensor.options());
}

Tensor Optimiser::update(const std::vector<Tensor>& gradients, double lr) {
  require(gradients.size() == params_.size(), "optimiser: given ", gradients.size(), " gradients, expected ",
          params_.size(), ", pass one per parameter");
  std::vector<Array> arrays;
  std::vector<kernels::AdamTensor> table;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    arrays.push_back(gradients[i].array());
    table.push_back({params_[i].tensor.array(), gradients[i].array(), m_[i].array(),
                     v_.empty() ? Array{} : v_[i].array()});
  }
  kernels::global_norm(arrays, norm_.array());
  const Array factor = factor_.array();
  if (config_.clip > 0) kernels::clip_factor(norm_.array(), config_.clip, factor);
  const Array* const clip = config_.clip > 0 ? &factor : nullptr;
  ++steps_;
  if (config_.kind == "adam")
    kernels::adam_step(table,
                       {.lr = lr, .beta1 = config_.beta1, .beta2 = config_.beta2, .eps = config_.eps,
                        .weight_decay = config_.weight_decay, .step = steps_},
                       clip);
  else
    kernels::sgd_step(table, {.lr = lr, .momentum = config_.momentum, .weight_decay = config_.weight_decay,
                              .step = steps_}, clip);
  return norm_;
}

std::vector<NamedTensor> Optimiser::state() const {
  std::vector<NamedTensor> out;
  for (std::size_t i = 0; i < params_.size(); ++i) out.push_back({"m/" + params_[i].name, m_[i]});
  for (std::size_t i = 0; i < v_.size(); ++i) out.push_back({"v/" + params_[i].name, v_[i]});
  return out;
}

}  // namespace stillpoint

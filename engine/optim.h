// Optimisers over a parameter list: Adam, AdamW, RMSprop and SGD as PyTorch defines them, with
// global-norm clipping.
#pragma once
#include <string>
#include <vector>

#include "engine/params.h"
#include "kernels/device/upload.h"

namespace stillpoint {

struct OptimiserConfig {
  std::string kind = "adam";  // or "adamw", "rmsprop", "sgd"
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double weight_decay = 0;  // L2, added to the gradient after clipping; adamw: p loses lr times it before
  double momentum = 0;      // rmsprop, sgd
  double clip = 0;          // largest global norm of the gradients; 0: no clipping
};

// Adam's state is m and v per parameter; SGD and RMSprop keep their
// momentum buffer in m, and RMSprop the mean of squares in v. Parameters are updated in place.
class Optimiser {
 public:
  Optimiser(const ParamList& params,
            OptimiserConfig config);  // throws Error for another kind, or without parameters

  // Makes one update; gradients are in the order of the list. Returns the global norm before clipping, on the
  // device. It consists of `begin_step`, which counts and sends the device the values that change from step
  // to step, and `apply`, which only queues work on the device, so that a graph may record it.
  Tensor update(const std::vector<Tensor>& gradients, double lr);
  void begin_step(double lr);
  Tensor apply(const std::vector<Tensor>& gradients);
  Tensor apply(const std::vector<Array>& gradients);
  void set_beta1(double beta1) { config_.beta1 = beta1; }

  std::int64_t steps() const { return steps_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }
  // Returns the named state tensors ("m/<name>", "v/<name>"), for checkpoints.
  std::vector<NamedTensor> state() const;

 private:
  bool is_adam() const { return config_.kind == "adam" || config_.kind == "adamw"; }
  double decoupled_decay() const { return config_.kind == "adamw" ? config_.weight_decay : 0; }

  OptimiserConfig config_;
  std::vector<NamedTensor> params_;
  std::vector<Tensor> m_, v_;
  Tensor norm_, factor_, coefficients_;
  kernels::Upload upload_;  // sends the coefficients
  std::int64_t steps_ = 0;
};

}  // namespace stillpoint

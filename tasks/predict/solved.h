// Evaluates a model on a batch, with what its solver did.
#pragma once
#include <vector>

#include "models/model_family.h"

namespace stillpoint {

struct Solved {
  Tensor y;
  Tensor state;                       // (samples, ...); undefined if the model does not solve
  std::vector<SampleReport> samples;  // empty if the model does not solve

  const SampleReport* report(std::size_t sample) const {
    return samples.empty() ? nullptr : &samples[sample];
  }
};

// Records nothing.
Solved solved(Model& model, const Tensor& x);

}  // namespace stillpoint

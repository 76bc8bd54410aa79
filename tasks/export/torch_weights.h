// The parameters of a model under the names that PyTorch's layers have.
#pragma once
#include <vector>

#include "engine/params.h"

namespace stillpoint {

// Returns the tensors: NAME.w and NAME.b as NAME.weight and NAME.bias, koopman.vt and .u as weights,
// phi.convI.norm.{gain,shift,mean,variance} as phi.normI.{weight,bias,running_mean,running_var}. Other names
// stay. Throws Error if a parameter belongs to a layer that PyTorch does not have.
std::vector<NamedTensor> torch_weights(const ParamList& params);

}  // namespace stillpoint

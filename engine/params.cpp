// Views of a parameter list.
#include "engine/params.h"

namespace stillpoint {

std::vector<Tensor> ParamList::tensors() const {
  std::vector<Tensor> out;
  for (const NamedTensor& p : trainable_) out.push_back(p.tensor);
  return out;
}

Index ParamList::count() const {
  Index total = 0;
  for (const NamedTensor& p : trainable_) total += p.tensor.size();
  return total;
}

}  // namespace stillpoint

// The named tensors of a model, gathered from each struct's one params() list.
#pragma once
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

struct NamedTensor {
  std::string name;
  Tensor tensor;
};

// Visitor for `template <class P> void params(P& p) { p("w", w); p.buffer("omega", omega); }`. The list is
// the optimiser's set, the checkpoint's layout and the parameter count. Undefined tensors are left out.
class ParamList {
 public:
  template <class Member>
  void operator()(const std::string& name, Member& member) {
    if constexpr (std::is_same_v<std::remove_const_t<Member>, Tensor>) {
      if (member.defined()) trainable_.push_back({prefix_ + name, member});
    } else {
      const std::string outer = prefix_;
      prefix_ += name + ".";
      member.params(*this);
      prefix_ = outer;
    }
  }
  // Adds a fixed tensor that belongs to the model and is saved with it.
  void buffer(const std::string& name, const Tensor& tensor) {
    if (tensor.defined()) buffers_.push_back({prefix_ + name, tensor});
  }

  const std::vector<NamedTensor>& trainable() const { return trainable_; }
  const std::vector<NamedTensor>& buffers() const { return buffers_; }
  std::vector<Tensor> tensors() const;
  Index count() const;  // trainable elements

 private:
  std::string prefix_;
  std::vector<NamedTensor> trainable_, buffers_;
};

template <class Model>
ParamList params_of(Model& model) {
  ParamList list;
  model.params(list);
  return list;
}

}  // namespace stillpoint

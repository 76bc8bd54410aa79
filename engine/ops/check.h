// Checks that ops share: operands of one kind, expected ranks.
#pragma once
#include "engine/tensor.h"

namespace stillpoint {

inline void require_same_kind(const char* op, const Tensor& a, const Tensor& b) {
  require(a.dtype() == b.dtype() && a.device() == b.device(), op, ": given ", name_of(a.dtype()), " on ",
          name_of(a.device()), " and ", name_of(b.dtype()), " on ", name_of(b.device()),
          ", expected one dtype on one device, convert with to()");
}

inline void require_rank(const char* op, const char* name, const Tensor& x, Index rank) {
  require(x.rank() == rank, op, ": given ", name, " of shape ", to_text(x.shape()), ", expected rank ", rank,
          ", reshape it");
}

inline void require_shape(const char* op, const char* name, const Tensor& x, const Shape& shape) {
  require(x.shape() == shape, op, ": given ", name, " of shape ", to_text(x.shape()), ", expected ",
          to_text(shape), ", check the sizes");
}

}  // namespace stillpoint

// What ops share: checks of their operands, axes counted from the end, the shape of a broadcast.
#pragma once
#include <algorithm>

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

// Returns the axis counted from the front; negative ones count from the end.
inline Index require_axis(const char* op, const Tensor& x, Index axis) {
  require(axis >= -x.rank() && axis < x.rank(), op, ": given axis ", axis,
          ", expected one of a tensor of shape ", to_text(x.shape()), ", check the rank");
  return axis < 0 ? axis + x.rank() : axis;
}

// Returns the shape that both broadcast to.
inline Shape broadcast_shape(const char* op, const Shape& s, const Shape& t) {
  Shape out(std::max(s.size(), t.size()));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Index p = i < s.size() ? s[s.size() - 1 - i] : 1, q = i < t.size() ? t[t.size() - 1 - i] : 1;
    require(p == q || p == 1 || q == 1, op, ": given shapes ", to_text(s), " and ", to_text(t),
            ", expected shapes that broadcast, reshape one of them");
    out[out.size() - 1 - i] = p == 1 ? q : p;
  }
  return out;
}

// x is int32 (n), each in [0, bound). The kernels check values on a GPU: they give NaN for a wrong one.
inline void require_indices(const char* op, const char* name, const Tensor& x, Index bound) {
  require_rank(op, name, x, 1);
  require(x.dtype() == DType::int32, op, ": given ", name, " of ", name_of(x.dtype()),
          ", expected int32, convert them");
  if (x.device() != Device::cpu) return;
  const std::int32_t* const first = x.array().as<std::int32_t>();
  for (Index i = 0; i < x.size(); ++i)
    require(first[i] >= 0 && first[i] < bound, op, ": given ", first[i], " at ", i, " of ", name,
            ", expected 0..", bound - 1, ", check the data");
}

}  // namespace stillpoint

// Tensors as Eigen's matrices, and back; only for the sources of this folder.
#pragma once
#include <Eigen/Core>
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

using RealRows = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Takes a tensor of two axes.
inline RealRows matrix_of(const Tensor& t) {
  const std::vector<double> values = t.values();
  return Eigen::Map<const RealRows>(values.data(), t.dim(0), t.dim(1));
}

inline Tensor tensor_of(const RealRows& m) {
  return Tensor::from(std::vector<double>(m.data(), m.data() + m.size()), {m.rows(), m.cols()},
                      {DType::float64, Device::cpu});
}

// Throws Error if `name`, which `where` was given, has entries that are not finite.
inline void require_finite(const RealRows& m, const char* where, const char* name) {
  require(m.allFinite(), where, ": given ", name,
          " with entries that are not finite, expected numbers, shorten the trajectories or leave the "
          "diverging ones out");
}

}  // namespace stillpoint

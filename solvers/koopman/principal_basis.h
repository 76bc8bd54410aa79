// Few coordinates for states of many: the directions in which snapshots differ most.
#pragma once
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

// Orthonormal directions by falling variance (proper orthogonal decomposition). All is float64 on the CPU.
struct PrincipalBasis {
  Tensor mean;                   // (1,w)
  Tensor directions;             // (p,w)
  std::vector<double> variance;  // along each direction

  Index size() const { return directions.dim(0); }
  // (n,w) -> (n,p)
  Tensor coordinates(const Tensor& rows) const;
  // (n,k) -> (n,w), by the first k <= p directions.
  Tensor rows(const Tensor& coordinates) const;
};
// Of rows (n,w), at most `most` directions, without those whose variance is rounding: 1e-12 of the largest.
// By the (n,n) matrix of products, so that n may be small and w large (method of snapshots, Sirovich 1987).
// Error where no two rows differ.
PrincipalBasis principal_basis(const Tensor& rows, Index most);

}  // namespace stillpoint

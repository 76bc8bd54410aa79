// Describes long states by few coordinates: those along the directions in which snapshots differ most.
#pragma once
#include <vector>

#include "engine/tensor.h"

namespace stillpoint {

// Orthonormal directions by falling variance (proper orthogonal decomposition), in float64 on the CPU.
struct PrincipalBasis {
  Tensor mean;                   // (1,w)
  Tensor directions;             // (p,w)
  std::vector<double> variance;  // along each direction

  Index size() const { return directions.dim(0); }
  // (n,w) -> (n,p)
  Tensor coordinates(const Tensor& rows) const;
  // (n,k) -> (n,w), using the first k <= p directions.
  Tensor rows(const Tensor& coordinates) const;
};
// Returns at most `most` directions of rows (n,w). Directions whose variance is rounding, below 1e-12 of the
// largest, are left out. Uses the (n,n) matrix of products, which is cheap if n is small and w is large
// (method of snapshots, Sirovich 1987). Throws Error if no two rows differ.
PrincipalBasis principal_basis(const Tensor& rows, Index most);

}  // namespace stillpoint

// Principal directions by the method of snapshots.
#include "solvers/koopman/principal_basis.h"

#include <Eigen/Dense>
#include <algorithm>

#include "engine/ops.h"

namespace stillpoint {

Tensor PrincipalBasis::coordinates(const Tensor& rows) const {
  return matmul(rows - mean, directions, {.transpose_b = true});
}

Tensor PrincipalBasis::rows(const Tensor& coordinates) const {
  return matmul(coordinates, slice(directions, {0, 0}, {coordinates.dim(1), directions.dim(1)})) + mean;
}

PrincipalBasis principal_basis(const Tensor& rows, Index most) {
  require(rows.rank() == 2 && rows.dtype() == DType::float64 && most > 0,
          "principal_basis: given rows of shape ", to_text(rows.shape()), ", ", name_of(rows.dtype()),
          ", and ", most, " directions, expected a float64 matrix and at least one direction");
  const Index n = rows.dim(0);
  PrincipalBasis basis;
  basis.mean = affine(sum_to(rows, {1, rows.dim(1)}), 1 / double(n), 0);
  const Tensor centred = rows - basis.mean;
  const std::vector<double> products = matmul(centred, centred, {.transpose_b = true}).values();
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(
      Eigen::Map<const Eigen::MatrixXd>(products.data(), n, n));
  const Eigen::VectorXd& values = solver.eigenvalues();  // rising
  require(values(n - 1) > 0, "principal_basis: given ", n,
          " rows that do not differ, expected at least two that do, take more or others");
  std::vector<double> weights;  // (p,n): eigenvectors divided by the lengths of their directions
  for (Index k = n - 1; k >= 0 && Index(basis.variance.size()) < most && values(k) > 1e-12 * values(n - 1);
       --k) {
    basis.variance.push_back(values(k) / double(n));
    for (Index i = 0; i < n; ++i) weights.push_back(solver.eigenvectors()(i, k) / std::sqrt(values(k)));
  }
  basis.directions =
      matmul(Tensor::from(weights, {Index(basis.variance.size()), n}, rows.options()), centred);
  return basis;
}

}  // namespace stillpoint

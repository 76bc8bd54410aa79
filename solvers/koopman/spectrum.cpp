// Computes least squares and invariant densities in double with Eigen.
#include "solvers/koopman/spectrum.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "solvers/koopman/matrices.h"

namespace stillpoint {
namespace {

using Matrix = RealRows;

Matrix matrix_of(const Tensor& t, const char* where, const char* name) {
  require(t.rank() == 2 && t.size() > 0, where, ": given ", name, " of shape ", to_text(t.shape()),
          ", expected a matrix with elements");
  const Matrix m = matrix_of(t);
  require_finite(m, where, name);
  return m;
}

// The X of least norm among those that minimise ||a X - b||.
struct LeastSquares {
  Matrix x;
  Index rank;
};
LeastSquares solve_least_squares(const Matrix& a, const Matrix& b, const KoopmanOptions& options) {
  Eigen::BDCSVD<Eigen::MatrixXd> svd(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  svd.setThreshold(options.truncation);
  const Index rank = options.rank > 0 ? std::min<Index>(options.rank, svd.rank()) : svd.rank();
  const auto scaled = svd.singularValues().head(rank).cwiseInverse().asDiagonal();
  return {svd.matrixV().leftCols(rank) * (scaled * (svd.matrixU().leftCols(rank).transpose() * b)), rank};
}

}  // namespace

KoopmanEstimate estimate_koopman(const Tensor& from, const Tensor& to, const KoopmanOptions& options) {
  const Matrix a = matrix_of(from, "estimate_koopman", "features"),
               b = matrix_of(to, "estimate_koopman", "features");
  require(a.rows() == b.rows() && a.cols() == b.cols(), "estimate_koopman: given features of shapes ",
          to_text(from.shape()), " and ", to_text(to.shape()), ", expected equal ones, a row per step");
  const LeastSquares fit = solve_least_squares(a, b, options);
  const double norm = b.norm();
  return {tensor_of(fit.x.transpose()), fit.rank, norm == 0 ? 0 : (a * fit.x - b).norm() / norm};
}

Tensor estimate_readout(const Tensor& features, const Tensor& states, const KoopmanOptions& options) {
  const Matrix a = matrix_of(features, "estimate_readout", "features"),
               b = matrix_of(states, "estimate_readout", "states");
  require(a.rows() == b.rows(), "estimate_readout: given ", a.rows(), " features and ", b.rows(),
          " states, expected as many of both");
  return tensor_of(solve_least_squares(a, b, options).x.transpose());
}

Tensor ulam_matrix(double (*map)(double), Index cells, Index probes) {
  require(cells > 0 && probes > 0, "ulam_matrix: given ", cells, " cells and ", probes,
          " probes, expected at least 1 of both");
  Matrix p = Matrix::Zero(cells, cells);
  for (Index j = 0; j < cells; ++j)
    for (Index i = 0; i < probes; ++i) {
      const double x = map((double(j) + (double(i) + 0.5) / double(probes)) / double(cells));
      require(x >= 0 && x <= 1, "ulam_matrix: given a map with the value ", x,
              ", expected one of [0,1] to itself");
      p(std::min<Index>(cells - 1, Index(x * double(cells))), j) += 1 / double(probes);
    }
  return tensor_of(p);
}

std::vector<double> invariant_density(const Tensor& ulam) {
  Matrix p = matrix_of(ulam, "invariant_density", "a matrix");
  require(p.rows() == p.cols(), "invariant_density: given a matrix of shape ", to_text(ulam.shape()),
          ", expected a square one");
  p.diagonal().array() -= 1;
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(p, Eigen::ComputeFullV);
  Eigen::VectorXd density = svd.matrixV().rightCols(1);
  density *= double(density.size()) / density.sum();
  return {density.begin(), density.end()};
}

}  // namespace stillpoint

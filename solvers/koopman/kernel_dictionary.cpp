// The dictionary of kernel EDMD: the principal functions of a Gaussian kernel on given states.
#include <Eigen/Dense>
#include <cmath>
#include <limits>

#include "solvers/koopman/matrices.h"
#include "solvers/koopman/systems.h"

namespace stillpoint {
namespace {

// k(a_i, b_j) = exp(-||a_i - b_j||^2 / (2 bandwidth^2))
RealRows gaussian_kernel(const RealRows& a, const RealRows& b, double bandwidth) {
  RealRows k(a.rows(), b.rows());
  for (Index i = 0; i < k.rows(); ++i)
    for (Index j = 0; j < k.cols(); ++j)
      k(i, j) = std::exp(-(a.row(i) - b.row(j)).squaredNorm() / (2 * bandwidth * bandwidth));
  return k;
}

}  // namespace

Dictionary kernel_dictionary(const Tensor& centres, double bandwidth, const KoopmanOptions& options) {
  require(bandwidth > 0, "kernel_dictionary: given bandwidth ", bandwidth, ", expected a positive one");
  const RealRows x = matrix_of(centres);
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> eigen(gaussian_kernel(x, x, bandwidth));
  const Eigen::VectorXd& squares = eigen.eigenvalues();  // ascending
  const double rounding = double(x.rows()) * std::numeric_limits<double>::epsilon(),
               least = std::max(options.truncation * options.truncation, rounding) * squares.tail(1)(0);
  Index rank = 0;
  while (rank < squares.size() && squares(squares.size() - 1 - rank) > least) ++rank;
  if (options.rank > 0) rank = std::min(rank, options.rank);
  const RealRows functions =
      eigen.eigenvectors().rightCols(rank) * squares.tail(rank).cwiseSqrt().cwiseInverse().asDiagonal();
  return [x, functions, bandwidth](const Tensor& z) {
    return tensor_of(gaussian_kernel(matrix_of(z), x, bandwidth) * functions);
  };
}

}  // namespace stillpoint

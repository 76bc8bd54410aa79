// Finds least singular values by inverse iteration with a triangular matrix.
#include "solvers/koopman/pseudospectrum.h"

#include <Eigen/Dense>
#include <cmath>

#include "solvers/koopman/matrices.h"

namespace stillpoint {
namespace {

using Complex = std::complex<double>;
using Matrix = Eigen::MatrixXcd;

// `t` is upper triangular and `norm` its size. Repeats v <- (A^H A)^-1 v with A = z - t, whose growth tends
// to 1 / s^2. Pivots that vanish are replaced by rounding.
double least_singular_value(const Matrix& t, double norm, Complex z) {
  constexpr int most_steps = 40;
  constexpr double enough = 1e-4, rounding = 1e-16;
  const double least = std::max(rounding * norm, 1e-140);
  Matrix a = -t;
  for (Index i = 0; i < a.rows(); ++i)
    if (std::abs(a(i, i) += z) < least) a(i, i) = least;
  Eigen::VectorXcd v(a.rows());
  for (Index i = 0; i < v.size(); ++i) v(i) = Complex(std::cos(double(i)), std::sin(2.0 * double(i)));
  v.normalize();
  double growth = 0;
  for (int step = 0; step < most_steps; ++step) {
    a.adjoint().triangularView<Eigen::Lower>().solveInPlace(v);
    a.triangularView<Eigen::Upper>().solveInPlace(v);
    const double next = v.stableNorm();
    if (!std::isfinite(next)) return least;
    v /= next;
    const bool stays = std::abs(next - growth) <= enough * next;
    growth = next;
    if (stays) break;
  }
  return std::max(least, 1 / std::sqrt(growth));
}

}  // namespace

Pseudospectrum pseudospectrum(const OrderedSchur& schur, double reach, Index points, Index most) {
  require(reach > 0 && points > 1, "pseudospectrum: given a reach of ", reach, " and ", points,
          " points, expected a positive one and at least 2");
  const ComplexMatrix triangle = schur.leading_triangle(most);
  const Matrix t = matrix_of(triangle.real).cast<Complex>() +
                   Complex(0, 1) * matrix_of(triangle.imaginary).cast<Complex>();
  Pseudospectrum s;
  for (Index i = 0; i < points; ++i) s.axis.push_back(reach * (2 * double(i) / double(points - 1) - 1));
  s.least.resize(std::size_t(points * points));
  const double norm = t.norm();
  for (Index i = 0; 2 * i < points; ++i)
    for (Index j = 0; j < points; ++j) {
      const double least =
          least_singular_value(t, norm, {s.axis[std::size_t(j)], s.axis[std::size_t(points - 1 - i)]});
      // K is real, so that s(z) is that of the conjugate.
      s.least[std::size_t(i * points + j)] = s.least[std::size_t((points - 1 - i) * points + j)] = least;
    }
  return s;
}

}  // namespace stillpoint

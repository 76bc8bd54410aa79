// Computes least squares, eigenvalues and projectors in double with Eigen.
#include "solvers/koopman/spectrum.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "kernels/device/memory.h"

namespace stillpoint {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Complex = std::complex<double>;

Matrix matrix_of(const Tensor& t, const char* where, const char* name) {
  require(t.rank() == 2 && t.size() > 0, where, ": given ", name, " of shape ", to_text(t.shape()),
          ", expected a matrix with elements");
  const std::vector<double> values = t.values();
  Matrix m = Eigen::Map<const Matrix>(values.data(), t.dim(0), t.dim(1));
  require(m.allFinite(), where, ": given ", name,
          " with entries that are not finite, expected numbers, shorten the "
          "trajectories or leave the diverging ones out");
  return m;
}

Matrix square_of(const Tensor& t, const char* where) {
  Matrix k = matrix_of(t, where, "a matrix");
  require(k.rows() == k.cols(), where, ": given a matrix of shape ", to_text(t.shape()),
          ", expected a square one");
  return k;
}

Tensor tensor_of(const Matrix& m) {
  return Tensor::from(std::vector<double>(m.data(), m.data() + m.size()), {m.rows(), m.cols()},
                      {DType::float64, Device::cpu});
}

// The X of least norm among those that minimise ||a X - b||.
struct LeastSquares {
  Matrix x;
  Index rank;
};
LeastSquares solve_least_squares(const Matrix& a, const Matrix& b, double truncation) {
  Eigen::BDCSVD<Eigen::MatrixXd> svd(a, Eigen::ComputeThinU | Eigen::ComputeThinV);
  svd.setThreshold(truncation);
  return {svd.solve(b), svd.rank()};
}

Index nullity(const Eigen::MatrixXd& m, double threshold) {
  const Eigen::VectorXd s = Eigen::BDCSVD<Eigen::MatrixXd>(m).singularValues();
  return Index(std::count_if(s.begin(), s.end(), [=](double value) { return value <= threshold; }));
}

// K - lambda as a real matrix of twice the size, with A + iB written as (A -B; B A). Sums, products, null
// spaces and projectors carry over, dimensions double, and no complex decomposition has to be compiled.
Eigen::MatrixXd shifted(const Matrix& k, Complex lambda) {
  const Index n = k.rows();
  Eigen::MatrixXd m = Eigen::MatrixXd::Zero(2 * n, 2 * n);
  for (const Index part : {Index(0), n}) {
    m.block(part, part, n, n) = k;
    m.block(part, part, n, n).diagonal().array() -= lambda.real();
  }
  m.block(0, n, n, n).diagonal().array() = lambda.imag();
  m.block(n, 0, n, n).diagonal().array() = -lambda.imag();
  return m;
}

// An eigenvalue of modulus one and its multiplicity.
struct Cluster {
  Complex lambda;
  Index count;
};
std::vector<Cluster> clusters_on_circle(const std::vector<Complex>& eigenvalues, double tolerance) {
  std::vector<Cluster> clusters;
  for (const Complex lambda : eigenvalues) {
    if (std::abs(std::abs(lambda) - 1) > tolerance) continue;
    const auto near = std::find_if(clusters.begin(), clusters.end(), [&](const Cluster& c) {
      return std::abs(c.lambda / double(c.count) - lambda) <= tolerance;
    });
    if (near == clusters.end()) {
      clusters.push_back({lambda, 1});
    } else {
      near->lambda += lambda;
      ++near->count;
    }
  }
  for (Cluster& c : clusters) c.lambda /= double(c.count);
  return clusters;
}

// Sorts by falling modulus. Eigenvalues of an m-fold defective block come out about eps^(1/m) apart.
std::vector<Complex> eigenvalues_of(const Matrix& k) {
  const Eigen::EigenSolver<Eigen::MatrixXd> solver(k, false);
  require(solver.info() == Eigen::Success, "koopman_spectrum: given a matrix of ", k.rows(),
          " rows whose eigenvalues did not converge, expected a better scaled one, use fewer features");
  std::vector<Complex> values(solver.eigenvalues().begin(), solver.eigenvalues().end());
  std::stable_sort(values.begin(), values.end(),
                   [](Complex a, Complex b) { return std::abs(a) > std::abs(b); });
  return values;
}

double rank_threshold(const Matrix& k, double tolerance) { return tolerance * std::max(1.0, k.norm()); }

bool is_semisimple(const Matrix& k, const Cluster& cluster, double tolerance) {
  return nullity(shifted(k, cluster.lambda), rank_threshold(k, tolerance)) >= 2 * cluster.count;
}

// Returns the eigenvalues. Throws Error if the spectral radius is above 1, so that the powers grow.
std::vector<Complex> bounded_eigenvalues(const Matrix& k, double tolerance, const char* where) {
  std::vector<Complex> values = eigenvalues_of(k);
  require(std::abs(values.front()) <= 1 + tolerance, where, ": given a matrix of radius ",
          std::abs(values.front()), ", expected at most 1, its powers grow");
  return values;
}

// Returns factors (D,p) and (p,D) of the projector onto the null space of m, of dimension `count`, along its
// range. Returns nothing if fewer than `count` singular values are within the threshold.
std::optional<std::pair<Eigen::MatrixXd, Eigen::MatrixXd>> null_projector(const Eigen::MatrixXd& m,
                                                                          Index count, double threshold) {
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(m, Eigen::ComputeFullU | Eigen::ComputeFullV);
  if (svd.singularValues()(m.cols() - count) > threshold) return {};
  const Eigen::MatrixXd right = svd.matrixV().rightCols(count), left = svd.matrixU().rightCols(count);
  const Eigen::MatrixXd u = (left.transpose() * right).fullPivLu().solve(Eigen::MatrixXd(left.transpose()));
  return std::pair(right, u);
}

}  // namespace

KoopmanEstimate estimate_koopman(const Tensor& from, const Tensor& to, const KoopmanOptions& options) {
  const Matrix a = matrix_of(from, "estimate_koopman", "features"),
               b = matrix_of(to, "estimate_koopman", "features");
  require(a.rows() == b.rows() && a.cols() == b.cols(), "estimate_koopman: given features of shapes ",
          to_text(from.shape()), " and ", to_text(to.shape()), ", expected equal ones, a row per step");
  const LeastSquares fit = solve_least_squares(a, b, options.truncation);
  const double norm = b.norm();
  return {tensor_of(fit.x.transpose()), fit.rank, norm == 0 ? 0 : (a * fit.x - b).norm() / norm};
}

Tensor estimate_readout(const Tensor& features, const Tensor& states, const KoopmanOptions& options) {
  const Matrix a = matrix_of(features, "estimate_readout", "features"),
               b = matrix_of(states, "estimate_readout", "states");
  require(a.rows() == b.rows(), "estimate_readout: given ", a.rows(), " features and ", b.rows(),
          " states, expected as many of both");
  return tensor_of(solve_least_squares(a, b, options.truncation).x.transpose());
}

const char* name_of(Settling settling) {
  constexpr const char* names[] = {"(i) vanishes", "(ii) settles at a fixed point", "(iii) oscillates",
                                   "(iv) diverges"};
  return names[int(settling)];
}

KoopmanSpectrum koopman_spectrum(const Tensor& matrix, double tolerance) {
  const Matrix k = square_of(matrix, "koopman_spectrum");
  KoopmanSpectrum s;
  s.eigenvalues = eigenvalues_of(k);
  s.radius = std::abs(s.eigenvalues.front());
  for (const Cluster& c : clusters_on_circle(s.eigenvalues, tolerance)) {
    s.on_circle += c.count;
    if (std::abs(c.lambda - 1.0) <= tolerance) s.at_one += c.count;
    s.semisimple = s.semisimple && is_semisimple(k, c, tolerance);
  }
  if (s.radius > 1 + tolerance || !s.semisimple)
    s.settling = Settling::diverges;
  else if (s.on_circle == 0)
    s.settling = Settling::vanishes;
  else
    s.settling = s.at_one == s.on_circle ? Settling::settles : Settling::oscillates;
  return s;
}

SpectralProjector fixed_space(const Tensor& matrix, double tolerance) {
  const Matrix k = square_of(matrix, "fixed_space");
  const std::vector<Complex> values = bounded_eigenvalues(k, tolerance, "fixed_space");
  const Index count =
      std::count_if(values.begin(), values.end(), [=](Complex l) { return std::abs(l - 1.0) <= tolerance; });
  if (count == 0)
    return {Tensor::zeros({k.rows(), 0}, matrix.options()), Tensor::zeros({0, k.rows()}, matrix.options())};
  Eigen::MatrixXd one = k;
  one.diagonal().array() -= 1;
  const auto projector = null_projector(one, count, rank_threshold(k, tolerance));
  require(projector.has_value(), "fixed_space: given a matrix whose eigenvalue 1 comes ", count,
          " times with fewer eigenvectors, expected a semisimple one, K^n has no limit there");
  return {tensor_of(projector->first), tensor_of(projector->second)};
}

Tensor SpectralProjector::matrix() const {
  if (v.dim(1) == 0) return Tensor::zeros({v.dim(0), v.dim(0)}, v.options());
  return tensor_of(matrix_of(v, "fixed_space", "V") * matrix_of(u, "fixed_space", "U"));
}

Tensor settled_power(const Tensor& matrix, Index n, double tolerance) {
  const Matrix k = square_of(matrix, "settled_power");
  Matrix sum = Matrix::Zero(k.rows(), k.cols());
  for (const Cluster& c : clusters_on_circle(bounded_eigenvalues(k, tolerance, "settled_power"), tolerance)) {
    const auto projector = null_projector(shifted(k, c.lambda), 2 * c.count, rank_threshold(k, tolerance));
    require(projector.has_value(),
            "settled_power: given a matrix with an eigenvalue of modulus one that is not semisimple, "
            "expected case (i), (ii) or (iii), its powers grow");
    const double angle = double(n) * std::arg(c.lambda);
    const auto u = projector->second.leftCols(k.rows());  // P = A + iB, left half; adds Re(e^(i angle) P)
    sum += std::cos(angle) * projector->first.topRows(k.rows()) * u -
           std::sin(angle) * projector->first.bottomRows(k.rows()) * u;
  }
  return tensor_of(sum);
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
  Matrix p = square_of(ulam, "invariant_density");
  p.diagonal().array() -= 1;
  const Eigen::BDCSVD<Eigen::MatrixXd> svd(p, Eigen::ComputeFullV);
  Eigen::VectorXd density = svd.matrixV().rightCols(1);
  density *= double(density.size()) / density.sum();
  return {density.begin(), density.end()};
}

}  // namespace stillpoint

// Balances, computes Schur forms with Eigen, and moves groups of eigenvalues to the front by rotations.
#include "solvers/koopman/ordered_schur.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "solvers/koopman/matrices.h"

namespace stillpoint {
namespace {

using Complex = std::complex<double>;
using Matrix = Eigen::MatrixXcd;

// Scales rows and columns by powers of two until they have similar norms off the diagonal (Parlett, Reinsch
// 1969). Returns d with k = diag(d) k' diag(1/d).
Eigen::VectorXd balance(Eigen::MatrixXd& k) {
  constexpr int most_sweeps = 50;
  constexpr double least_gain = 0.95, largest_scale = 1e100;
  Eigen::VectorXd d = Eigen::VectorXd::Ones(k.rows());
  bool changed = true;
  for (int sweep = 0; changed && sweep < most_sweeps; ++sweep) {
    changed = false;
    for (Eigen::Index i = 0; i < k.rows(); ++i) {
      const double own = std::abs(k(i, i)), column = k.col(i).lpNorm<1>() - own,
                   row = k.row(i).lpNorm<1>() - own;
      if (!(column > 0 && row > 0)) continue;
      const double f = std::exp2(std::round(0.5 * std::log2(row / column)));
      if (column * f + row / f >= least_gain * (column + row)) continue;
      if (!(d(i) * f < largest_scale && d(i) * f > 1 / largest_scale)) continue;
      d(i) *= f;
      k.col(i) *= f;
      k.row(i) /= f;
      changed = true;
    }
  }
  return d;
}

// Makes a quasi-triangular real Schur form triangular: a rotation per pair of complex eigenvalues.
void split_pairs(Matrix& t, Matrix& q) {
  const Eigen::Index n = t.rows();
  for (Eigen::Index k = 0; k + 1 < n; ++k) {
    if (t(k + 1, k) == 0.0) continue;
    const double a = t(k, k).real(), d = t(k + 1, k + 1).real(), half = (a - d) / 2,
                 square = half * half + t(k, k + 1).real() * t(k + 1, k).real();
    const Complex root = square < 0 ? Complex(0, std::sqrt(-square)) : Complex(std::sqrt(square), 0);
    const Complex middle = (a + d) / 2;
    Eigen::JacobiRotation<Complex> rotation;
    rotation.makeGivens(middle + root - t(k + 1, k + 1), t(k + 1, k));  // an eigenvector of the pair's block
    t.rightCols(n - k).applyOnTheLeft(k, k + 1, rotation.adjoint());
    t.topRows(k + 2).applyOnTheRight(k, k + 1, rotation);
    q.applyOnTheRight(k, k + 1, rotation);
    t(k + 1, k) = 0;
    t(k, k) = middle + root;
    t(k + 1, k + 1) = middle - root;
  }
}

// Exchanges the diagonal entries k and k + 1 of a triangular t. q follows if it is given.
void exchange(Matrix& t, Matrix* q, Eigen::Index k) {
  const Complex first = t(k, k), second = t(k + 1, k + 1);
  Eigen::JacobiRotation<Complex> rotation;
  rotation.makeGivens(t(k, k + 1), second - first);
  t.rightCols(t.cols() - k).applyOnTheLeft(k, k + 1, rotation.adjoint());
  t.topRows(k + 2).applyOnTheRight(k, k + 1, rotation);
  if (q != nullptr) q->applyOnTheRight(k, k + 1, rotation);
  t(k + 1, k) = 0;
  t(k, k) = second;
  t(k + 1, k + 1) = first;
}

// Overwrites b by the x of (t - lambda) x = b. t is triangular: upper if `up`, else lower. Pivots below
// `least` are replaced by it.
void solve_shifted(const Eigen::Ref<const Matrix>& t, Complex lambda, double least, bool up,
                   Eigen::VectorXcd& b) {
  const Eigen::Index n = t.rows();
  for (Eigen::Index s = 0; s < n; ++s) {
    const Eigen::Index i = up ? n - 1 - s : s, others = n - 1 - s;
    const Complex pivot = t(i, i) - lambda;
    b(i) /= std::abs(pivot) < least ? Complex(least) : pivot;
    if (up)
      b.head(others) -= b(i) * t.col(i).head(others);
    else
      b.tail(others) -= b(i) * t.col(i).tail(others);
  }
}

}  // namespace

struct OrderedSchur::Form {
  Matrix t, q;        // balanced K = q t q^H
  Matrix transposed;  // t^T
  Eigen::VectorXd scale;
  std::vector<Index> position;  // of each eigenvalue on t's diagonal
  double norm = 0;

  // Moves the group to the front.
  void order(const std::vector<Index>& group, Matrix& to, Matrix* vectors) const {
    std::vector<Index> places;
    for (const Index i : group) places.push_back(position[std::size_t(i)]);
    std::sort(places.begin(), places.end());
    for (std::size_t front = 0; front < places.size(); ++front)
      for (Index k = places[front]; k > Index(front); --k) exchange(to, vectors, k - 1);
  }
  double least_pivot() const { return std::max(1e-300, 1e-16 * norm); }

  // X (p,n-p) of T11 X - X T22 = -T12, column by column. Pivots that vanish are replaced by rounding.
  Matrix decoupling(const Matrix& ordered, Index p) const {
    const Index rest = t.rows() - p;
    const Matrix block = ordered.topLeftCorner(p, p);
    Matrix x(p, rest);
    for (Index j = 0; j < rest; ++j) {
      Eigen::VectorXcd b = -ordered.block(0, p + j, p, 1);
      if (j > 0) b += x.leftCols(j) * ordered.block(p, p + j, j, 1);
      solve_shifted(block, ordered(p + j, p + j), least_pivot(), true, b);
      x.col(j) = b;
    }
    return x;
  }
  // The eigenvector of t, or the left one, at place k of the diagonal, with an entry of one there. Entries
  // behind k, or before it, are zero, so that the product of both is one.
  Eigen::VectorXcd right(Index k) const {
    Eigen::VectorXcd y = -t.col(k).head(k);
    solve_shifted(t.topLeftCorner(k, k), t(k, k), least_pivot(), true, y);
    y.conservativeResize(k + 1);
    y(k) = 1;
    return y;
  }
  Eigen::VectorXcd left(Index k) const {
    const Index rest = t.rows() - k - 1;
    Eigen::VectorXcd tail = -transposed.col(k).tail(rest), y(rest + 1);
    solve_shifted(transposed.bottomRightCorner(rest, rest), t(k, k), least_pivot(), false, tail);
    y << Complex(1), tail;
    return y;
  }
};

OrderedSchur::OrderedSchur(const Tensor& matrix) : form_(std::make_unique<Form>()) {
  Eigen::MatrixXd k = matrix_of(matrix);
  form_->scale = balance(k);
  form_->norm = k.norm();
  const Eigen::RealSchur<Eigen::MatrixXd> schur(k);
  require(schur.info() == Eigen::Success, "koopman_spectrum: given a matrix of ", k.rows(),
          " rows whose eigenvalues did not converge, expected a better scaled one, use fewer features");
  form_->t = schur.matrixT().cast<Complex>();
  form_->q = schur.matrixU().cast<Complex>();
  split_pairs(form_->t, form_->q);
  form_->transposed = form_->t.transpose();
  std::vector<Index>& order = form_->position;
  order.resize(std::size_t(k.rows()));
  std::iota(order.begin(), order.end(), Index(0));
  const Matrix& t = form_->t;
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return std::abs(t(a, a)) > std::abs(t(b, b)); });
  for (const Index i : order) eigenvalues_.push_back(t(i, i));
}
OrderedSchur::~OrderedSchur() = default;

double OrderedSchur::norm() const { return form_->norm; }

SchurBlock OrderedSchur::block(const std::vector<Index>& group) const {
  Matrix ordered = form_->t;
  form_->order(group, ordered, nullptr);
  const Index p = Index(group.size());
  const Matrix block = ordered.topLeftCorner(p, p);
  SchurBlock result{.mean = block.diagonal().mean()};
  for (const Complex lambda : block.diagonal())
    result.spread = std::max(result.spread, std::abs(lambda - result.mean));
  result.coupling = Matrix(block.triangularView<Eigen::StrictlyUpper>()).norm();
  result.projector = std::hypot(1.0, form_->decoupling(ordered, p).norm());
  return result;
}

Tensor OrderedSchur::projector(const std::vector<Index>& group, Complex factor) const {
  Matrix ordered = form_->t, q = form_->q;
  form_->order(group, ordered, &q);
  const Index p = Index(group.size()), n = q.rows();
  const Matrix v = q.leftCols(p),
               u = v.adjoint() - form_->decoupling(ordered, p) * q.rightCols(n - p).adjoint();
  const Eigen::MatrixXd balanced = (factor * v * u).real();
  return tensor_of(form_->scale.asDiagonal() * balanced * form_->scale.cwiseInverse().asDiagonal());
}

std::vector<double> OrderedSchur::projector_norms() const {
  std::vector<double> norms;
  for (const Index k : form_->position) norms.push_back(form_->right(k).norm() * form_->left(k).norm());
  return norms;
}

EigenvectorPair OrderedSchur::eigenvectors() const {
  const Matrix& q = form_->q;
  const Index n = q.rows();
  Matrix right(n, n), left(n, n);
  for (Index i = 0; i < n; ++i) {
    const Index k = form_->position[std::size_t(i)];
    right.col(i) = form_->scale.asDiagonal() * (q.leftCols(k + 1) * form_->right(k)).eval();
    left.col(i) =
        form_->scale.cwiseInverse().asDiagonal() * (q.rightCols(n - k).conjugate() * form_->left(k)).eval();
  }
  right.colwise().normalize();
  left.colwise().normalize();
  return {{tensor_of(right.real()), tensor_of(right.imag())},
          {tensor_of(left.real()), tensor_of(left.imag())}};
}

ComplexMatrix OrderedSchur::leading_triangle(Index most) const {
  const Index n = form_->t.rows();
  Index p = std::min(n, most);
  if (p < n && p > 1 && eigenvalues_[std::size_t(p - 1)] == std::conj(eigenvalues_[std::size_t(p)])) --p;
  std::vector<Index> group(static_cast<std::size_t>(p));
  std::iota(group.begin(), group.end(), Index(0));
  Matrix ordered = form_->t, q = form_->q;
  form_->order(group, ordered, &q);
  // If D balances, D q = W R, and K W = W (R T11 R^-1).
  const Matrix basis = form_->scale.asDiagonal() * q.leftCols(p);
  const Matrix r = Eigen::HouseholderQR<Matrix>(basis).matrixQR().topRows(p).triangularView<Eigen::Upper>();
  Matrix triangle = r * ordered.topLeftCorner(p, p).triangularView<Eigen::Upper>();
  r.triangularView<Eigen::Upper>().solveInPlace<Eigen::OnTheRight>(triangle);
  return {tensor_of(triangle.real()), tensor_of(triangle.imag())};
}

}  // namespace stillpoint

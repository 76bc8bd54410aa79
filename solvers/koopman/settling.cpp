// Decides which of the paper's cases a matrix is, by the blocks of its ordered Schur form, and takes limits.
#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/ops.h"
#include "solvers/koopman/matrices.h"
#include "solvers/koopman/spectrum.h"

namespace stillpoint {
namespace {

using Complex = std::complex<double>;

// How many times its noise a distance has to be to count as one that noise does not explain.
constexpr double clearly = 10, merging = 4;

enum class Place { inside, on, outside, open };
enum class Semisimple { yes, no, open };

// Eigenvalues that cannot be told apart.
struct Cluster {
  std::vector<Index> members;
  SchurBlock block;
  double noise = 0;
  Index count() const { return Index(members.size()); }
};

// The clusters of a matrix and what they say.
class Verdict {
 public:
  Verdict(const Tensor& matrix, const SpectrumOptions& options, const char* where);
  const OrderedSchur& schur() const { return schur_; }
  const std::vector<Cluster>& clusters() const { return clusters_; }
  Place place(const Cluster& c) const;
  Semisimple semisimple(const Cluster& c) const;
  bool at_one(const Cluster& c) const { return std::abs(c.block.mean - 1.0) <= band(c); }
  // The distance from the circle that counts as none.
  double band(const Cluster& c) const { return std::max(options_.tolerance, c.noise); }
  double margin(const Cluster& c) const { return std::abs(distance(c) - band(c)); }
  std::string open_place(const Cluster& c) const;
  std::string open_block(const Cluster& c) const;
  // Throws Error if any cluster may be outside of the circle.
  void require_bounded() const;
  // Throws Error, with the text `defective`, unless the cluster is semisimple.
  void require_semisimple(const Cluster& c, const std::string& defective) const;

 private:
  static double distance(const Cluster& c) { return std::abs(std::abs(c.block.mean) - 1); }
  double block_tolerance(const Cluster& c) const { return options_.tolerance * std::sqrt(double(c.count())); }
  bool joined(const Cluster& a, const Cluster& b) const;
  void join(double error);

  const char* where_;
  SpectrumOptions options_;
  OrderedSchur schur_;
  std::vector<Cluster> clusters_;
};

const Tensor& square(const Tensor& k, const char* where) {
  require(k.rank() == 2 && k.size() > 0 && k.dim(0) == k.dim(1), where, ": given a matrix of shape ",
          to_text(k.shape()), ", expected a square one");
  require_finite(matrix_of(k), where, "a matrix");
  return k;
}

Verdict::Verdict(const Tensor& matrix, const SpectrumOptions& options, const char* where)
    : where_(where), options_(options), schur_(square(matrix, where)) {
  const double error = std::max(
      std::numeric_limits<double>::epsilon() * double(matrix.dim(0)) * schur_.norm(), options.uncertainty);
  const Eigenvalues& values = schur_.eigenvalues();
  for (std::size_t i = 0; i < values.size(); ++i)
    clusters_.push_back({{Index(i)}, {.mean = values[i]}, error});
  // Eigenvalues that are equal up to the error of the matrix have no projectors of their own.
  join(error);
  const std::vector<double> norms = schur_.projector_norms();
  for (Cluster& c : clusters_) {
    if (c.count() > 1) continue;
    c.block.projector = norms[std::size_t(c.members[0])];
    c.noise = error * c.block.projector;
  }
  for (std::size_t before = 0; before != clusters_.size();) {
    before = clusters_.size();
    join(error);
  }
}

bool Verdict::joined(const Cluster& a, const Cluster& b) const {
  double reach = merging * (a.noise + b.noise);
  if (distance(a) <= options_.tolerance && distance(b) <= options_.tolerance)
    reach = std::max(reach, options_.tolerance);
  const Eigenvalues& values = schur_.eigenvalues();
  for (const Index i : a.members)
    for (const Index j : b.members)
      if (std::abs(values[std::size_t(i)] - values[std::size_t(j)]) <= reach) return true;
  return false;
}

// Joins clusters, and those that they lead to, and computes the blocks of those that have grown.
void Verdict::join(double error) {
  std::vector<Cluster> rest = std::move(clusters_);
  clusters_.clear();
  while (!rest.empty()) {
    std::vector<Cluster> parts{std::move(rest.back())};
    rest.pop_back();
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const auto near = std::stable_partition(rest.begin(), rest.end(),
                                              [&](const Cluster& c) { return !joined(parts[k], c); });
      parts.insert(parts.end(), std::make_move_iterator(near), std::make_move_iterator(rest.end()));
      rest.erase(near, rest.end());
    }
    Cluster whole = std::move(parts[0]);
    for (std::size_t k = 1; k < parts.size(); ++k)
      whole.members.insert(whole.members.end(), parts[k].members.begin(), parts[k].members.end());
    if (parts.size() > 1) {
      whole.block = schur_.block(whole.members);
      whole.noise = error * whole.block.projector;
    }
    clusters_.push_back(std::move(whole));
  }
}

Place Verdict::place(const Cluster& c) const {
  const double edge = band(c), m = double(c.count());
  double least = std::abs(c.block.mean), most = least;
  for (const Index i : c.members) {
    const double modulus = std::abs(schur_.eigenvalues()[std::size_t(i)]);
    least = std::min(least, modulus);
    most = std::max(most, modulus);
  }
  if (most < 1 - edge) return Place::inside;
  if (least > 1 + edge) return Place::outside;
  // Noise splits one eigenvalue with m - 1 couplings by the m-th root of its product with them.
  const double split = m * std::pow(c.noise * std::pow(std::max(c.block.coupling, c.noise), m - 1), 1 / m);
  const bool one = c.block.spread <= std::max(2 * options_.tolerance, merging * split);
  return one && edge <= largest_tolerance && distance(c) <= edge ? Place::on : Place::open;
}

Semisimple Verdict::semisimple(const Cluster& c) const {
  const double negligible = block_tolerance(c);
  const bool none = c.block.coupling <= std::max(c.noise, negligible / clearly);
  if (c.count() == 1 || (none && c.noise <= negligible)) return Semisimple::yes;
  return c.block.coupling > clearly * std::max(c.noise, negligible) ? Semisimple::no : Semisimple::open;
}

std::string text_of(Complex lambda) {
  return lambda.imag() == 0
             ? text(lambda.real())
             : text(lambda.real(), lambda.imag() < 0 ? " - " : " + ", std::abs(lambda.imag()), "i");
}

std::string Verdict::open_place(const Cluster& c) const {
  const std::string subject =
      c.count() == 1 ? text("the eigenvalue ", text_of(c.block.mean), " of modulus ", std::abs(c.block.mean))
                     : text(c.count(), " eigenvalues about ", text_of(c.block.mean), ", up to ",
                            c.block.spread, " from it,");
  if (c.noise > options_.tolerance)
    return text(
        subject, " cannot be placed: the matrix's error moves it by up to ", c.noise,
        "; a matrix with more exact digits, or features that depend less on each other, would decide");
  return text(subject, " cannot be placed with the tolerance ", options_.tolerance,
              "; more data or other features, whose fit has a smaller error, or a tolerance of at most ",
              largest_tolerance, " would decide");
}

std::string Verdict::open_block(const Cluster& c) const {
  return text("the ", c.count(), " eigenvalues at ", text_of(c.block.mean), " have couplings of ",
              c.block.coupling, ", where ", std::max(c.noise, block_tolerance(c)),
              " may be error; a more exact matrix and a lower tolerance would decide");
}

void Verdict::require_bounded() const {
  for (const Cluster& c : clusters_) {
    const Place place = this->place(c);
    require(place != Place::outside, where_, ": given a matrix of radius ",
            std::abs(schur_.eigenvalues().front()), ", expected at most 1, its powers grow");
    if (place == Place::open) fail(where_, ": given a matrix whose case is open: ", open_place(c));
  }
}

void Verdict::require_semisimple(const Cluster& c, const std::string& defective) const {
  const Semisimple semisimple = this->semisimple(c);
  require(semisimple != Semisimple::no, where_, ": given ", defective);
  if (semisimple == Semisimple::open) fail(where_, ": given a matrix whose case is open: ", open_block(c));
}

}  // namespace

const char* name_of(Settling settling) {
  constexpr const char* names[] = {"(i) vanishes", "(ii) settles at a fixed point", "(iii) oscillates",
                                   "(iv) diverges", "undecided"};
  return names[int(settling)];
}

KoopmanSpectrum koopman_spectrum(const Tensor& matrix, const SpectrumOptions& options) {
  const Verdict verdict(matrix, options, "koopman_spectrum");
  KoopmanSpectrum s;
  s.eigenvalues = verdict.schur().eigenvalues();
  s.radius = std::abs(s.eigenvalues.front());
  double nearest = std::numeric_limits<double>::infinity(), outside = 0;
  bool defective = false;
  for (const Cluster& c : verdict.clusters()) {
    const Place place = verdict.place(c);
    nearest = std::min(nearest, verdict.margin(c));
    if (place == Place::outside) outside = std::max(outside, verdict.margin(c));
    if (place == Place::open) s.open = verdict.open_place(c);
    if (place != Place::on) continue;
    s.on_circle += c.count();
    if (verdict.at_one(c)) s.at_one += c.count();
    const Semisimple semisimple = verdict.semisimple(c);
    s.semisimple = s.semisimple && semisimple == Semisimple::yes;
    defective = defective || semisimple == Semisimple::no;
    if (semisimple == Semisimple::open) s.open = verdict.open_block(c);
  }
  s.margin = outside > 0 ? outside : nearest;
  if (outside > 0 || defective)
    s.settling = Settling::diverges;
  else if (!s.open.empty())
    s.settling = Settling::undecided;
  else if (s.on_circle == 0)
    s.settling = Settling::vanishes;
  else
    s.settling = s.at_one == s.on_circle ? Settling::settles : Settling::oscillates;
  if (s.settling == Settling::undecided) s.margin = 0;
  if (s.settling != Settling::undecided) s.open.clear();
  return s;
}

SpectralProjector fixed_space(const Tensor& matrix, const SpectrumOptions& options) {
  const Verdict verdict(matrix, options, "fixed_space");
  verdict.require_bounded();
  std::vector<Index> members;
  for (const Cluster& c : verdict.clusters()) {
    if (verdict.place(c) != Place::on || !verdict.at_one(c)) continue;
    verdict.require_semisimple(
        c, text("a matrix whose eigenvalue 1 comes ", c.count(),
                " times with fewer eigenvectors, expected a semisimple one, K^n has no limit there"));
    members.insert(members.end(), c.members.begin(), c.members.end());
  }
  const Index n = matrix.dim(0), p = Index(members.size());
  if (p == 0) return {Tensor::zeros({n, 0}, matrix.options()), Tensor::zeros({0, n}, matrix.options())};
  const RealRows projector = matrix_of(verdict.schur().projector(members));
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(projector);
  const RealRows v = Eigen::MatrixXd(qr.householderQ() * Eigen::MatrixXd::Identity(n, p));
  return {tensor_of(v), tensor_of(v.transpose() * projector)};
}

Tensor SpectralProjector::matrix() const {
  if (v.dim(1) == 0) return Tensor::zeros({v.dim(0), v.dim(0)}, v.options());
  return matmul(v, u);
}

Tensor settled_power(const Tensor& matrix, Index n, const SpectrumOptions& options) {
  const Verdict verdict(matrix, options, "settled_power");
  verdict.require_bounded();
  Tensor sum = Tensor::zeros({matrix.dim(0), matrix.dim(0)}, {DType::float64, Device::cpu});
  for (const Cluster& c : verdict.clusters()) {
    if (verdict.place(c) != Place::on) continue;
    verdict.require_semisimple(c,
                               "a matrix with an eigenvalue of modulus one that is not semisimple, "
                               "expected case (i), (ii) or (iii), its powers grow");
    sum = sum + verdict.schur().projector(c.members, std::polar(1.0, double(n) * std::arg(c.block.mean)));
  }
  return sum;
}

}  // namespace stillpoint

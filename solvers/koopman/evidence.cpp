// Computes residuals of eigenpairs and bootstraps verdicts.
#include "solvers/koopman/evidence.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "engine/ops.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};
constexpr double vanishing = 1e-12;  // of an eigenfunction on the data, relative to the features

Tensor rows_of(const std::vector<double>& values, Index width, const std::vector<std::size_t>& rows) {
  std::vector<double> chosen;
  for (const std::size_t row : rows) {
    const auto begin = values.begin() + std::ptrdiff_t(row) * width;
    chosen.insert(chosen.end(), begin, begin + width);
  }
  return Tensor::from(chosen, {Index(rows.size()), width}, f64);
}

}  // namespace

StepPairs step_pairs(const std::vector<Tensor>& times) {
  StepPairs pairs{concat({times.begin(), times.end() - 1}).to(DType::float64),
                  concat({times.begin() + 1, times.end()}).to(DType::float64)};
  for (std::size_t t = 0; t + 1 < times.size(); ++t)
    for (Index row = 0; row < times[t].dim(0); ++row) pairs.trajectory.push_back(row);
  return pairs;
}

std::vector<double> eigenpair_residuals(const Tensor& from, const Tensor& to, const Eigenvalues& eigenvalues,
                                        const ComplexMatrix& left) {
  const Index n = Index(eigenvalues.size());
  std::vector<double> real, imaginary;
  for (const std::complex<double> lambda : eigenvalues) {
    real.push_back(lambda.real());
    imaginary.push_back(lambda.imag());
  }
  const Tensor lambda = Tensor::from(real, {1, n}, f64), mu = Tensor::from(imaginary, {1, n}, f64);
  const Tensor a = matmul(from, left.real), b = matmul(from, left.imaginary);
  const Tensor missing = square(matmul(to, left.real) - (lambda * a - mu * b)) +
                         square(matmul(to, left.imaginary) - (lambda * b + mu * a));
  const std::vector<double> miss = sum_to(missing, {1, n}).values(),
                            size = sum_to(square(a) + square(b), {1, n}).values();
  const double least = vanishing * vanishing * sum(square(from)).item();
  std::vector<double> residuals;
  for (std::size_t i = 0; i < miss.size(); ++i)
    residuals.push_back(size[i] > least ? std::sqrt(miss[i] / size[i])
                                        : std::numeric_limits<double>::infinity());
  return residuals;
}

Index verdicts_that_hold(const StepPairs& lifted, Settling settling, Index resamples,
                         const std::function<Settling(const Tensor& from, const Tensor& to)>& verdict) {
  std::vector<std::vector<std::size_t>> rows;
  for (std::size_t r = 0; r < lifted.trajectory.size(); ++r) {
    const std::size_t k = std::size_t(lifted.trajectory[r]);
    rows.resize(std::max(rows.size(), k + 1));
    rows[k].push_back(r);
  }
  const std::vector<double> from = lifted.from.values(), to = lifted.to.values();
  const Index width = lifted.from.dim(1);
  std::mt19937_64 random(1);
  Index holds = 0;
  for (Index k = 0; k < resamples; ++k) {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::vector<std::size_t>& drawn = rows[random() % rows.size()];
      chosen.insert(chosen.end(), drawn.begin(), drawn.end());
    }
    holds += verdict(rows_of(from, width, chosen), rows_of(to, width, chosen)) == settling;
  }
  return holds;
}

Index constant_features(const Tensor& features) {
  const std::vector<double> values = features.values();
  const std::size_t width = std::size_t(features.dim(1));
  Index constant = 0;
  for (std::size_t c = 0; c < width; ++c) {
    bool same = true;
    for (std::size_t i = c; same && i < values.size(); i += width) same = values[i] == values[c];
    constant += same;
  }
  return constant;
}

}  // namespace stillpoint

// Computes residuals of eigenpairs and bootstraps verdicts.
#include "solvers/koopman/evidence.h"

#include <cmath>
#include <limits>
#include <random>

#include "engine/ops.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};
constexpr double vanishing = 1e-12;  // of an eigenfunction on the data, relative to the features

// Returns the rows of the given trajectories at all times from `first` to `last` - 1.
Tensor rows_of(const std::vector<std::vector<double>>& times, const std::vector<std::size_t>& chosen,
               std::size_t width, std::size_t first, std::size_t last) {
  std::vector<double> all;
  for (std::size_t t = first; t < last; ++t)
    for (const std::size_t row : chosen) {
      const auto begin = times[t].begin() + std::ptrdiff_t(row * width);
      all.insert(all.end(), begin, begin + std::ptrdiff_t(width));
    }
  return Tensor::from(all, {Index(all.size() / width), Index(width)}, f64);
}

}  // namespace

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

Index verdicts_that_hold(const std::vector<Tensor>& lifted, Settling settling, Index resamples,
                         const std::function<Settling(const Tensor& from, const Tensor& to)>& verdict) {
  const std::size_t count = std::size_t(lifted[0].dim(0)), width = std::size_t(lifted[0].dim(1));
  std::vector<std::vector<double>> times;
  for (const Tensor& t : lifted) times.push_back(t.values());
  std::mt19937_64 random(1);
  Index holds = 0;
  for (Index k = 0; k < resamples; ++k) {
    std::vector<std::size_t> chosen;
    for (std::size_t i = 0; i < count; ++i) chosen.push_back(std::size_t(random() % count));
    holds += verdict(rows_of(times, chosen, width, 0, times.size() - 1),
                     rows_of(times, chosen, width, 1, times.size())) == settling;
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

// Tests pseudospectra against singular values and the known ones of normal matrices and of a Jordan block.
#include "solvers/koopman/pseudospectrum.h"

#include <algorithm>
#include <cmath>

#include "engine/ops.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};

// Calls check(z, s(z)) for all points of the grid.
template <class Check>
void each_point(const Pseudospectrum& s, const Check& check) {
  const std::size_t n = s.axis.size();
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) check(std::complex<double>(s.axis[j], s.axis[i]), s.least[i * n + j]);
}

}  // namespace

TEST_CASE("the pseudospectrum of a normal matrix is the distance to its eigenvalues", "[spectrum]") {
  // 0.8 times a turn, and -0.5, in a rotated basis
  const double c = .8 * std::cos(1), s = .8 * std::sin(1), a = std::cos(.7), b = std::sin(.7);
  const Tensor normal = Tensor::from({c, -s, 0, s, c, 0, 0, 0, -.5}, {3, 3}, f64),
               turn = Tensor::from({1, 0, 0, 0, a, -b, 0, b, a}, {3, 3}, f64);
  const OrderedSchur schur(matmul(turn, matmul(normal, turn, {.transpose_b = true})));
  each_point(pseudospectrum(schur, 1.5, 11), [&](std::complex<double> z, double least) {
    const double expected =
        std::min({std::abs(z - std::complex(c, s)), std::abs(z - std::complex(c, -s)), std::abs(z + .5)});
    CHECK(least == Approx(expected).epsilon(5e-3));
  });
  // Only the pair of the largest modulus.
  each_point(pseudospectrum(schur, 1.5, 11, 2), [&](std::complex<double> z, double least) {
    const double expected = std::min(std::abs(z - std::complex(c, s)), std::abs(z - std::complex(c, -s)));
    CHECK(least == Approx(expected).epsilon(5e-3));
  });
}

TEST_CASE("the pseudospectrum of a Jordan block is that of its singular values", "[spectrum]") {
  // z - K has the singular values of (z -100; 0 z): s1 s2 = |z|^2 and s1^2 + s2^2 = 2 |z|^2 + 1e4. Balancing
  // would hide that.
  const OrderedSchur schur(Tensor::from({0, 100, 0, 0}, {2, 2}, f64));
  each_point(pseudospectrum(schur, 1, 8), [](std::complex<double> z, double least) {
    const double product = std::norm(z), sum = 2 * product + 1e4;
    const double larger = (sum + std::sqrt(sum * sum - 4 * product * product)) / 2;
    CHECK(least == Approx(product / std::sqrt(larger)).epsilon(5e-3));
  });
}

}  // namespace stillpoint

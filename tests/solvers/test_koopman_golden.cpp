// Tests DMD, EDMD and kernel EDMD against PyDMD and deeptime, whose numbers tests/golden holds.
#include <algorithm>
#include <complex>

#include "engine/ops.h"
#include "solvers/koopman/systems.h"
#include "tests/support/catch.h"
#include "tests/support/golden_file.h"

namespace stillpoint {
namespace {

using Complex = std::complex<double>;

std::vector<Complex> complex_values(const GoldenFile& golden, const std::string& name) {
  const std::vector<double> real = golden.values(name + ".real"),
                            imaginary = golden.values(name + ".imaginary");
  std::vector<Complex> values;
  for (std::size_t i = 0; i < real.size(); ++i) values.emplace_back(real[i], imaginary[i]);
  return values;
}

// Each expected eigenvalue is there; if K has more, those are zero.
void check_eigenvalues(const Tensor& k, const std::vector<Complex>& expected) {
  Eigenvalues found = koopman_spectrum(k).eigenvalues;
  REQUIRE(found.size() >= expected.size());
  for (const Complex lambda : expected) {
    const auto nearest = std::min_element(found.begin(), found.end(), [&](Complex a, Complex b) {
      return std::abs(a - lambda) < std::abs(b - lambda);
    });
    CHECK(std::abs(*nearest - lambda) < 1e-8);
    found.erase(nearest);
  }
  for (const Complex rest : found) CHECK(std::abs(rest) < 1e-8);
}

}  // namespace

TEST_CASE("exact DMD has the eigenvalues, modes and forecasts of PyDMD", "[spectrum]") {
  const GoldenFile golden("koopman");
  const Tensor from = golden.tensor("dmd.from", DType::float64), to = golden.tensor("dmd.to", DType::float64);
  for (const std::string name : {"full", "truncated"}) {
    const Index rank = name == "full" ? 0 : golden.config.at("rank").get<Index>();
    const KoopmanEstimate k = estimate_koopman(from, to, {.rank = rank});
    CHECK(k.rank == (rank == 0 ? 4 : rank));
    const std::vector<Complex> expected = complex_values(golden, "dmd." + name + ".eigenvalues");
    check_eigenvalues(k.matrix, expected);
    // K v = lambda v for each of PyDMD's modes, the columns
    const Tensor real = golden.tensor("dmd." + name + ".modes.real", DType::float64),
                 imaginary = golden.tensor("dmd." + name + ".modes.imaginary", DType::float64);
    const std::vector<double> a = real.values(), b = imaginary.values(), ka = matmul(k.matrix, real).values(),
                              kb = matmul(k.matrix, imaginary).values();
    const std::size_t modes = expected.size();
    for (std::size_t i = 0; i < a.size(); ++i)
      CHECK(std::abs(Complex(ka[i], kb[i]) - expected[i % modes] * Complex(a[i], b[i])) < 1e-8);
  }
  const Tensor forecast = matmul(from, estimate_koopman(from, to).matrix, {.transpose_b = true});
  CHECK(relative_error(forecast.values(), golden.values("dmd.forecast")) < 1e-8);
}

TEST_CASE("EDMD with monomials has the eigenvalues and forecasts of deeptime", "[spectrum]") {
  const GoldenFile golden("koopman");
  const Tensor from = golden.tensor("edmd.from", DType::float64),
               to = golden.tensor("edmd.to", DType::float64);
  const Dictionary phi = monomial_dictionary(golden.config.at("degree").get<Index>());
  const Tensor k = estimate_koopman(phi(from), phi(to)).matrix, readout = estimate_readout(phi(from), from);
  check_eigenvalues(k, complex_values(golden, "edmd.eigenvalues"));
  const Tensor forecast = matmul(phi(from), matmul(readout, k), {.transpose_b = true});
  CHECK(relative_error(forecast.values(), golden.values("edmd.forecast")) < 1e-8);
}

TEST_CASE("kernel EDMD has the eigenvalues of deeptime", "[spectrum]") {
  const GoldenFile golden("koopman");
  const Tensor from = golden.tensor("kernel.from", DType::float64),
               to = golden.tensor("kernel.to", DType::float64);
  const Dictionary phi = kernel_dictionary(from, golden.config.at("bandwidth").get<double>());
  check_eigenvalues(estimate_koopman(phi(from), phi(to)).matrix,
                    complex_values(golden, "kernel.eigenvalues"));
}

}  // namespace stillpoint

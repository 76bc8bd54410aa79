// Tests the verdict on a matrix: every structure of Jordan blocks, seen through ill-conditioned similarities.
#include <cmath>
#include <map>

#include "engine/init.h"
#include "engine/ops.h"
#include "solvers/koopman/spectrum.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};
constexpr Index n = 6;

// A real Jordan block of `count` eigenvalues (count pairs if the angle is not 0 or pi), with couplings of
// one.
struct Block {
  double radius, angle = 0;
  Index count = 1;
  double coupling = 1;
};

const double pi = std::acos(-1.0);

// Returns the blocks along the diagonal of an (order,order) matrix; its other entries are zero.
Tensor block_diagonal(const std::vector<Block>& blocks, Index order) {
  std::vector<double> values(std::size_t(order * order), 0);
  const auto at = [&](Index r, Index c) -> double& { return values[std::size_t(r * order + c)]; };
  Index first = 0;
  for (const Block& b : blocks) {
    const bool pair = b.angle != 0 && b.angle != pi;
    const Index width = pair ? 2 : 1;
    for (Index k = 0; k < b.count; ++k, first += width) {
      for (Index i = 0; i < width; ++i) {
        at(first + i, first + i) = b.radius * std::cos(b.angle);
        if (k + 1 < b.count) at(first + i, first + width + i) = b.coupling;
      }
      if (!pair) continue;
      at(first, first + 1) = -b.radius * std::sin(b.angle);
      at(first + 1, first) = b.radius * std::sin(b.angle);
    }
  }
  REQUIRE(first == order);
  return Tensor::from(values, {order, order}, f64);
}

// The product of as many random reflections as there are rows.
Tensor orthogonal(Initializer& random) {
  const Tensor one = block_diagonal(std::vector<Block>(n, {1}), n);
  Tensor q = one;
  for (Index i = 0; i < n; ++i) {
    const Tensor v = random.normal({n, 1}, 1).detach();
    q = matmul(q, one - affine(matmul(v, v, {.transpose_b = true}), 2 / sum(square(v)).item(), 0));
  }
  return q;
}

struct Structure {
  const char* name;
  Settling settling;
  std::vector<Block> blocks;
};

// The six kinds of blocks on the circle that the paper's appendix A tells apart, beside blocks inside.
const std::vector<Structure> structures{
    {"(i) inside", Settling::vanishes, {{.8}, {-.5}, {.7, 1}, {.3}, {0}}},
    {"(i) defective inside", Settling::vanishes, {{.6, 0, 2}, {.5, 1.2, 2}}},
    {"(i) nilpotent", Settling::vanishes, {{0, 0, 3}, {.7}, {-.7}, {.4}}},
    {"(ii) one", Settling::settles, {{1}, {.6}, {-.6}, {.5, 2}, {0}}},
    {"(ii) three ones", Settling::settles, {{1}, {1}, {1}, {.5, 0, 2}, {-.4}}},
    {"(ii) nothing but ones", Settling::settles, std::vector<Block>(n, {1})},
    {"(iii) minus one", Settling::oscillates, {{1}, {1}, {1, pi}, {1, pi}, {.5, 0, 2}}},
    {"(iii) a pair twice", Settling::oscillates, {{1, .9}, {1, .9}, {1}, {.4}}},
    {"(iii) pairs of two angles", Settling::oscillates, {{1, .7}, {1, 1.9}, {.6}, {0}}},
    {"(iv) two at one", Settling::diverges, {{1, 0, 2}, {.6}, {-.6}, {.5, 2}}},
    {"(iv) three at one", Settling::diverges, {{1, 0, 3}, {1}, {.5}, {.2}}},
    {"(iv) two at minus one", Settling::diverges, {{1, pi, 2}, {1}, {1}, {.5, 0, 2}}},
    {"(iv) a defective pair", Settling::diverges, {{1, 1.1, 2}, {1}, {.5}}},
    {"(iv) outside", Settling::diverges, {{1.2}, {1}, {.9, 1}, {.5, 0, 2}}}};

}  // namespace

TEST_CASE("no similarity of any condition makes a verdict wrong", "[spectrum]") {
  struct Count {
    int all = 0, open = 0;
  };
  std::map<double, Count> counts;
  Initializer random(7, f64);
  for (int transform = 0; transform < 200; ++transform) {
    const double condition = std::pow(10, 2 * (1 + transform % 3));
    std::vector<Block> scales, inverses;
    for (Index i = 0; i < n; ++i) {
      scales.push_back({std::pow(condition, double(i) / (n - 1) - .5)});
      inverses.push_back({1 / scales.back().radius});
    }
    const Tensor left = orthogonal(random), right = orthogonal(random);
    const Tensor s = matmul(matmul(left, block_diagonal(scales, n)), right),
                 inverse = matmul(matmul(right, block_diagonal(inverses, n), {.transpose_a = true}), left,
                                  {.transpose_b = true});
    for (const Structure& structure : structures) {
      const Tensor k = matmul(matmul(s, block_diagonal(structure.blocks, n)), inverse);
      // The products' rounding is the error of k.
      const KoopmanSpectrum spectrum = koopman_spectrum(k, {.uncertainty = 1e-15 * condition});
      Count& count = counts[condition];
      ++count.all;
      if (spectrum.settling == Settling::undecided) {
        ++count.open;
        CHECK_FALSE(spectrum.open.empty());
        continue;
      }
      INFO(structure.name << ", condition " << condition << ", transform " << transform);
      CHECK(name_of(spectrum.settling) == std::string(name_of(structure.settling)));
    }
  }
  const auto share = [&](double condition) { return double(counts[condition].open) / counts[condition].all; };
  CHECK(share(1e2) == 0);
  CHECK(share(1e4) < .01);
  CHECK(share(1e6) < .35);
}

TEST_CASE("a large part inside the circle does not hide a defective eigenvalue on it", "[spectrum]") {
  const std::vector<std::vector<Block>> matrices{
      {{1, 0, 2}, {0, 0, 2, 1e3}},   {{1, 0, 2}, {0, 0, 2, 1e6}},      {{1, pi, 2}, {0, 0, 2, 1e3}},
      {{1, 0, 2}, {.5, 0, 2, 1e4}},  {{1, 0, 2, .01}, {0, 0, 2, 1e5}}, {{1, 0, 3}, {0, 0, 2, 1e4}},
      {{1, .8, 2}, {.3, 0, 3, 1e3}}, {{0, 0, 2, 1e3}, {1, 0, 2}, {1}}};
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    INFO("matrix " << i);
    Index order = 0;
    for (const Block& b : matrices[i]) order += b.count * (b.angle != 0 && b.angle != pi ? 2 : 1);
    const Tensor k = block_diagonal(matrices[i], order);
    CHECK(koopman_spectrum(k).settling == Settling::diverges);
    CHECK_THAT(error_text([&] { settled_power(k, 10); }), mentions("not semisimple"));
    if (matrices[i].front().angle == 0)
      CHECK_THAT(error_text([&] { fixed_space(k); }), mentions("fewer eigenvectors"));
  }
}

TEST_CASE("a verdict that the error of the matrix or the tolerance leaves open says what is missing",
          "[spectrum]") {
  const Tensor rest = block_diagonal({{1}, {.98}}, 2);
  const KoopmanSpectrum sharp = koopman_spectrum(rest);
  CHECK(sharp.settling == Settling::settles);
  CHECK(sharp.margin == Approx(1e-6));
  CHECK(koopman_spectrum(block_diagonal({{.5}, {.8}}, 2)).margin == Approx(.2).epsilon(1e-4));
  CHECK(koopman_spectrum(block_diagonal({{.5}, {1.3}}, 2)).margin == Approx(.3).epsilon(1e-4));
  const KoopmanSpectrum blurred = koopman_spectrum(rest, {.tolerance = 1.8});
  CHECK(blurred.settling == Settling::undecided);
  CHECK(blurred.margin == 0);
  CHECK_THAT(blurred.open, mentions("tolerance 1.8", "more data"));
  CHECK_THAT(error_text([&] { fixed_space(rest, {.tolerance = 1.8}); }), mentions("fixed_space", "open"));
  CHECK_THAT(koopman_spectrum(rest, {.uncertainty = .1}).open, mentions("error moves it"));
  const KoopmanSpectrum coupled = koopman_spectrum(block_diagonal({{1, 0, 2, 2e-6}}, 2));
  CHECK(coupled.settling == Settling::undecided);
  CHECK_THAT(coupled.open, mentions("2 eigenvalues at 1", "couplings of 2e-06"));
}

}  // namespace stillpoint

// Tests counter-based random numbers: known answers, moments, independence of the number of threads.
#include <cmath>

#include "engine/init.h"
#include "kernels/host/pool.h"
#include "kernels/launch/philox.h"
#include "kernels/random/random.h"
#include "tests/support/catch.h"

namespace stillpoint {

TEST_CASE("Philox4x32-10 gives the published known answers", "[random]") {
  // Counter and key are all zeros, then all ones (Random123's file of known answers).
  const kernels::Philox4 zeros = kernels::philox(0, 0, 0);
  CHECK(zeros.x[0] == 0x6627e8d5u);
  CHECK(zeros.x[1] == 0xe169c58du);
  CHECK(zeros.x[2] == 0xbc57ac4cu);
  CHECK(zeros.x[3] == 0x9b00dbd8u);
  const std::uint64_t ones = ~std::uint64_t(0);
  const kernels::Philox4 full = kernels::philox(ones, ones, ones);
  CHECK(full.x[0] == 0x408f276du);
  CHECK(full.x[1] == 0x41c83b0eu);
  CHECK(full.x[2] == 0xa20bc7c6u);
  CHECK(full.x[3] == 0x6d5451fdu);
}

TEST_CASE("uniform and normal fills have their moments and bounds", "[random]") {
  Initializer init(3, {DType::float64});
  const std::vector<double> u = init.uniform_fan_in({200000}, 25).values();
  const std::vector<double> n = init.normal({200000}, 2).values();
  double mean = 0, square = 0, normal_mean = 0, normal_square = 0, fourth = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    REQUIRE(std::abs(u[i]) <= 0.2);
    mean += u[i] / 2e5;
    square += u[i] * u[i] / 2e5;
    normal_mean += n[i] / 2e5;
    normal_square += n[i] * n[i] / 2e5;
    fourth += std::pow(n[i], 4) / 2e5;
  }
  CHECK(std::abs(mean) < 1e-3);
  CHECK(square == Approx(0.04 / 3).epsilon(0.01));
  CHECK(std::abs(normal_mean) < 0.02);
  CHECK(normal_square == Approx(4).epsilon(0.02));
  CHECK(fourth == Approx(48).epsilon(0.05));
}

TEST_CASE("draws depend only on seed and order, not on threads or dtype", "[random]") {
  const auto draw = [](std::uint64_t seed, int threads, DType dtype) {
    const int before = kernels::thread_count();
    kernels::set_thread_count(threads);
    Initializer init(seed, {dtype});
    init.normal({7}, 1);
    const std::vector<double> values = init.normal({50000}, 1).values();
    kernels::set_thread_count(before);
    return values;
  };
  const std::vector<double> reference = draw(1, 1, DType::float64);
  CHECK(draw(1, 3, DType::float64) == reference);
  CHECK(draw(2, 1, DType::float64) != reference);
  const std::vector<double> narrow = draw(1, 2, DType::float32);
  for (std::size_t i = 0; i < narrow.size(); ++i) REQUIRE(narrow[i] == double(float(reference[i])));
}

TEST_CASE("an empty range is refused", "[random]") {
  const Tensor y = Tensor::zeros({3});
  CHECK_THROWS_AS(kernels::fill_uniform(y.array(), {0, 0}, 1, 1), Error);
}

}  // namespace stillpoint

// Tests matrix products on the CPU against plain loops in double.
#include "kernels/gemm/gemm.h"

#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/gemm/gemm_cpu.h"
#include "kernels/host/pool.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

using kernels::HostGemm;
using Index = std::int64_t;

template <class T>
std::vector<T> draw(Index count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  std::vector<T> values;
  for (Index i = 0; i < count; ++i) values.push_back(T(uniform(random)));
  return values;
}

template <class T>
Array array_of(std::vector<T>& v) {
  return {v.data(), Index(v.size()), dtype_of<T>(), Device::cpu};
}

// Return the positions of element (i,k) of op(a) and element (k,j) of op(b).
Index a_at(const HostGemm& g, Index i, Index k) { return g.transpose_a ? k * g.lda + i : i * g.lda + k; }
Index b_at(const HostGemm& g, Index k, Index j) { return g.transpose_b ? j * g.ldb + k : k * g.ldb + j; }

// Runs a product with `gap` elements between rows; checks the values and that the gaps of c are untouched.
template <class T, class Product>
void check_product(HostGemm g, Index gap, Product product) {
  g.lda = (g.transpose_a ? g.m : g.k) + gap;
  g.ldb = (g.transpose_b ? g.k : g.n) + 2 * gap;
  g.ldc = g.n + 3 * gap;
  const std::vector<T> a = draw<T>((g.transpose_a ? g.k : g.m) * g.lda, 1);
  const std::vector<T> b = draw<T>((g.transpose_b ? g.n : g.k) * g.ldb, 2), before = draw<T>(g.m * g.ldc, 3);
  std::vector<T> c = before;
  if (g.beta == 0)  // the product must not read what c held
    for (Index i = 0; i < g.m; ++i)
      std::fill_n(c.begin() + i * g.ldc, g.n, std::numeric_limits<T>::quiet_NaN());
  product(g, a.data(), b.data(), c.data());
  CAPTURE(g.m, g.n, g.k, g.transpose_a, g.transpose_b, g.beta, gap, sizeof(T));
  const double unit = double(std::numeric_limits<T>::epsilon()) * (1 + std::sqrt(double(g.k)));
  double worst = 0;
  for (Index i = 0; i < g.m; ++i)
    for (Index j = 0; j < g.ldc; ++j) {
      const std::size_t at = std::size_t(i * g.ldc + j);
      double expected = j >= g.n || g.beta != 0 ? double(before[at]) : 0;
      for (Index k = 0; j < g.n && k < g.k; ++k)
        expected += double(a[std::size_t(a_at(g, i, k))]) * double(b[std::size_t(b_at(g, k, j))]);
      if (j >= g.n) REQUIRE(c[at] == before[at]);
      REQUIRE(std::isfinite(double(c[at])));
      worst = std::max(worst, std::abs(double(c[at]) - expected) / unit);
    }
  CHECK(worst < 8);
}

template <class T, class Product>
void check_all(Product product) {
  const Index sizes[][3]{{1, 1, 1},   {1, 7, 3},     {5, 16, 2},  {6, 17, 64},    {13, 1, 31},   {2, 257, 10},
                         {31, 65, 0}, {65, 33, 257}, {7, 3, 600}, {250, 130, 70}, {64, 530, 41}, {0, 3, 4}};
  for (const auto& [m, n, k] : sizes)
    for (bool ta : {false, true})
      for (bool tb : {false, true})
        for (float beta : {0.0f, 1.0f})
          for (Index gap : {0, 3}) check_product<T>({ta, tb, m, n, k, 0, 0, 0, beta}, gap, product);
}

}  // namespace

TEMPLATE_TEST_CASE("gemm_host equals plain loops", "[gemm]", float, double) {
  using T = TestType;
  check_all<T>([](const HostGemm& g, const T* a, const T* b, T* c) { kernels::gemm_host(g, a, b, c); });
}

TEMPLATE_TEST_CASE("gemm_blocked equals plain loops", "[gemm]", float, double) {
  using T = TestType;
  check_all<T>([](const HostGemm& g, const T* a, const T* b, T* c) { kernels::gemm_blocked(g, a, b, c); });
}

TEMPLATE_TEST_CASE("gemm_blocked gives the same bits with any number of threads", "[gemm]", float, double) {
  const int before = kernels::thread_count();
  const HostGemm g{true, false, 301, 203, 517, 301, 203, 203};
  const auto a = draw<TestType>(517 * 301, 1), b = draw<TestType>(517 * 203, 2);
  std::vector<TestType> one(301 * 203), c(one.size());
  kernels::set_thread_count(1);
  kernels::gemm_blocked(g, a.data(), b.data(), one.data());
  for (int threads : {2, 3}) {
    kernels::set_thread_count(threads);
    kernels::gemm_blocked(g, a.data(), b.data(), c.data());
    CHECK(c == one);
  }
  kernels::set_thread_count(before);
  std::array<std::vector<TestType>, 4> own;
  kernels::parallel(4, [&](Index i) {
    own[std::size_t(i)].resize(one.size());
    kernels::gemm_blocked(g, a.data(), b.data(), own[std::size_t(i)].data());
  });
  for (const auto& result : own) CHECK(result == one);
}

TEMPLATE_TEST_CASE("gemm_cpu and linear_cpu equal plain loops", "[gemm]", float, double) {
  using T = TestType;
  for (bool ta : {false, true})
    for (bool tb : {false, true})
      for (bool accumulate : {false, true}) {
        check_product<T>({ta, tb, 33, 70, 29, 0, 0, 0, accumulate ? 1.0f : 0.0f}, 0,
                         [&](const HostGemm& g, const T* a, const T* b, T* c) {
                           const auto wrap = [](const T* p, Index size) {
                             return Array{const_cast<T*>(p), size, dtype_of<T>(), Device::cpu};
                           };
                           kernels::gemm_cpu({g.m, g.n, g.k, ta, tb, accumulate}, wrap(a, g.m * g.k),
                                             wrap(b, g.k * g.n), wrap(c, g.m * g.n));
                         });
      }
  for (const auto& [rows, in, out] :
       {std::array<Index, 3>{1, 5, 3}, {130, 0, 9}, {300, 31, 65}, {1000, 3, 17}})
    for (bool relu : {false, true})
      for (int variant = 0; variant < 4; ++variant) {
        const bool bias = variant % 2 != 0, plus = variant / 2 != 0, transposed = plus == bias;
        std::vector<T> x = draw<T>(rows * in, 1), w = draw<T>(out * in, 2), b = draw<T>(out, 3),
                       added = draw<T>(rows * out, 4);
        std::vector<T> y(std::size_t(rows * out));
        kernels::linear_cpu({rows, in, out, relu}, array_of(x), array_of(w),
                            {bias ? array_of(b) : Array{}, plus ? array_of(added) : Array{}, transposed},
                            array_of(y));
        double worst = 0;
        for (Index r = 0; r < rows; ++r)
          for (Index o = 0; o < out; ++o) {
            double sum = bias ? double(b[std::size_t(o)]) : 0;
            if (plus) sum += double(added[std::size_t(r * out + o)]);
            for (Index i = 0; i < in; ++i)
              sum += double(x[std::size_t(r * in + i)]) *
                     double(w[std::size_t(transposed ? o * in + i : i * out + o)]);
            if (relu && sum < 0) sum = 0;
            worst = std::max(worst, std::abs(double(y[std::size_t(r * out + o)]) - sum));
          }
        CAPTURE(rows, in, out, relu, bias, plus, transposed);
        CHECK(worst < 16 * double(std::numeric_limits<T>::epsilon()) * (1 + std::sqrt(double(in))));
      }
}

TEMPLATE_TEST_CASE("linear's ReLU keeps a NaN", "[gemm]", float, double) {
  std::vector<TestType> x(9, TestType(-1)), w(9, TestType(1)), y(81);
  x[4] = std::numeric_limits<TestType>::quiet_NaN();
  kernels::linear_cpu({9, 1, 9, true}, array_of(x), array_of(w), {}, array_of(y));
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (i / 9 == 4)
      CHECK(std::isnan(y[i]));
    else
      CHECK(y[i] == 0);
  }
}

TEST_CASE("bf16 rounds to nearest, ties to even", "[gemm]") {
  const auto rounded = [](std::uint32_t bits) {
    return std::bit_cast<std::uint32_t>(kernels::round_to_bf16(std::bit_cast<float>(bits)));
  };
  CHECK(rounded(0x3f800000u) == 0x3f800000u);
  CHECK(rounded(0x3f807fffu) == 0x3f800000u);
  CHECK(rounded(0x3f808000u) == 0x3f800000u);  // a tie rounds down to even
  CHECK(rounded(0x3f808001u) == 0x3f810000u);
  CHECK(rounded(0x3f818000u) == 0x3f820000u);  // a tie rounds up to even
  CHECK(rounded(0xbf818000u) == 0xbf820000u);
  CHECK(rounded(0x7f7fffffu) == 0x7f800000u);  // rounds past the largest bf16
  CHECK(rounded(0xff800000u) == 0xff800000u);
  CHECK(rounded(0x80000000u) == 0x80000000u);
  CHECK(std::isnan(kernels::round_to_bf16(std::bit_cast<float>(0x7f800001u))));
  CHECK(std::isnan(kernels::round_to_bf16(std::bit_cast<float>(0xffffffffu))));
}

TEST_CASE("a bf16 product is the product of the rounded operands", "[gemm]") {
  REQUIRE(kernels::precision() == kernels::Precision::float32);
  for (bool ta : {false, true})
    for (bool tb : {false, true})
      for (float beta : {0.0f, 1.0f}) {
        const HostGemm g{ta, tb, 37, 50, 64, (ta ? 37 : 64) + 2, (tb ? 64 : 50) + 5, 53, beta};
        const auto a = draw<float>((ta ? 64 : 37) * g.lda, 1), b = draw<float>((tb ? 50 : 64) * g.ldb, 2);
        std::vector<float> c = draw<float>(37 * 53, 3);
        const std::vector<float> before = c;
        kernels::set_precision(kernels::Precision::bf16);
        kernels::gemm_host(g, a.data(), b.data(), c.data());
        kernels::set_precision(kernels::Precision::float32);
        double worst = 0, from_exact = 0;
        for (Index i = 0; i < g.m; ++i)
          for (Index j = 0; j < g.n; ++j) {
            const std::size_t at = std::size_t(i * 53 + j);
            double sum = beta * double(before[at]), exact = sum;
            for (Index k = 0; k < g.k; ++k) {
              const float left = a[std::size_t(a_at(g, i, k))], right = b[std::size_t(b_at(g, k, j))];
              sum += double(kernels::round_to_bf16(left)) * double(kernels::round_to_bf16(right));
              exact += double(left) * double(right);
            }
            worst = std::max(worst, std::abs(sum - double(c[at])));
            from_exact = std::max(from_exact, std::abs(exact - double(c[at])));
          }
        CHECK(worst < 1e-5);
        CHECK(from_exact > 1e-3);
      }
}

TEST_CASE("linear in bf16 rounds its operands", "[gemm]") {
  std::vector<float> x(300, 1.00390625f), w{1.0f}, y(300);  // 1 + 2^-8, a tie that rounds to 1
  kernels::set_precision(kernels::Precision::bf16);
  kernels::linear_cpu({300, 1, 1}, array_of(x), array_of(w), {}, array_of(y));
  kernels::set_precision(kernels::Precision::float32);
  CHECK(y == std::vector<float>(300, 1.0f));
  kernels::linear_cpu({300, 1, 1}, array_of(x), array_of(w), {}, array_of(y));
  CHECK(y == x);
}

}  // namespace stillpoint

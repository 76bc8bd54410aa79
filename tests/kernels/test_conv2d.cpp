// Tests the CPU's convolutions against plain loops in double, over ragged sizes, borders, strides and thread
// counts.
#include "kernels/conv2d/conv2d.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "kernels/conv2d/conv2d_cpu.h"
#include "kernels/gemm/gemm.h"
#include "kernels/gemm/gemm_cpu.h"
#include "kernels/host/pool.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

using kernels::Conv2dShape;
using Doubles = std::vector<double>;

template <class T>
Array array_of(std::vector<T>& v) {
  return {v.data(), Index(v.size()), dtype_of<T>(), Device::cpu};
}

// Outputs start as a value that no output has, so that an element left unwritten is noticed.
constexpr int untouched = 7777;

template <class T>
struct Problem {
  explicit Problem(const Conv2dShape& shape) : s(shape) {
    std::mt19937 random(unsigned(s.height * 31 + s.width * 7 + s.in_channels + s.out_channels));
    std::uniform_real_distribution<double> uniform(-1, 1);
    const auto draw = [&](Index n) {
      std::vector<T> values;
      for (Index i = 0; i < n; ++i) values.push_back(T(uniform(random)));
      return values;
    };
    x = draw(s.batch * s.in_channels * s.height * s.width);
    w = draw(s.out_channels * s.in_channels * s.kernel_height * s.kernel_width);
    y = draw(s.batch * s.out_channels * s.out_height() * s.out_width());
    b = draw(s.out_channels);
  }
  Conv2dShape s;
  std::vector<T> x, w, y, b;
};

// Holds a result and, for each element, the sum of its terms' magnitudes.
struct Sums {
  explicit Sums(std::size_t n) : value(n, 0.0), size(n, 0.0) {}
  void add(std::size_t i, double term) {
    value[i] += term;
    size[i] += std::abs(term);
  }
  Doubles value, size;
};

struct Oracle {
  Sums y, x, w, b;
};

template <class T>
Oracle oracle(const Problem<T>& in) {
  const Conv2dShape& s = in.s;
  Oracle out{Sums(in.y.size()), Sums(in.x.size()), Sums(in.w.size()), Sums(in.b.size())};
  const auto rows = s.out_height(), columns = s.out_width();
  for (Index n = 0; n < s.batch; ++n)
    for (Index o = 0; o < s.out_channels; ++o)
      for (Index p = 0; p < rows; ++p)
        for (Index q = 0; q < columns; ++q) {
          const auto y = std::size_t(((n * s.out_channels + o) * rows + p) * columns + q);
          out.b.add(std::size_t(o), double(in.y[y]));
          for (Index k = 0; k < s.in_channels * s.kernel_height * s.kernel_width; ++k) {
            const Index c = k / (s.kernel_height * s.kernel_width);
            Index i = p * s.stride + k / s.kernel_width % s.kernel_height - s.padding,
                  j = q * s.stride + k % s.kernel_width - s.padding;
            if (s.circular) i = (i % s.height + s.height) % s.height, j = (j % s.width + s.width) % s.width;
            if (i < 0 || i >= s.height || j < 0 || j >= s.width) continue;
            const auto x = std::size_t(((n * s.in_channels + c) * s.height + i) * s.width + j);
            const auto w = std::size_t(o * s.in_channels * s.kernel_height * s.kernel_width + k);
            out.y.add(y, double(in.w[w]) * double(in.x[x]));
            out.x.add(x, double(in.w[w]) * double(in.y[y]));
            out.w.add(w, double(in.x[x]) * double(in.y[y]));
          }
        }
  return out;
}

// Each of k additions rounds a partial sum by at most eps / 2 of it, and no partial sum is larger than the
// sum of the terms' magnitudes.
template <class T>
void check_close(const char* what, const std::vector<T>& found, const Sums& expected, double k) {
  const double eps = std::numeric_limits<T>::epsilon();
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!(std::abs(double(found[i]) - expected.value[i]) <= eps * (k + 2) / 2 * expected.size[i] + 1e-300))
      ++wrong;
  INFO(what << ": " << wrong << " of " << found.size() << " wrong");
  CHECK(wrong == 0);
}

template <class T>
struct Results {
  std::vector<T> y, x, w;
  bool operator==(const Results&) const = default;
};

template <class T>
Results<T> run(Problem<T>& in) {
  Results<T> r{std::vector<T>(in.y.size(), T(untouched)), std::vector<T>(in.x.size(), T(untouched)),
               std::vector<T>(in.w.size(), T(untouched))};
  kernels::conv2d(in.s, array_of(in.x), array_of(in.w), array_of(r.y));
  kernels::conv2d_data_adjoint(in.s, array_of(in.y), array_of(in.w), array_of(r.x));
  kernels::conv2d_weight_adjoint(in.s, array_of(in.y), array_of(in.x), array_of(r.w));
  return r;
}

template <class T>
void check(const Conv2dShape& s) {
  INFO(name_of(dtype_of<T>()) << ' ' << s.batch << " images, channels " << s.in_channels << " -> "
                              << s.out_channels << ", " << s.height << " x " << s.width << ", kernel "
                              << s.kernel_height << " x " << s.kernel_width << ", stride " << s.stride
                              << ", padding " << s.padding << (s.circular ? ", circular" : ""));
  Problem<T> in(s);
  const Oracle expected = oracle(in);
  const Results<T> found = run(in);
  check_close("conv2d", found.y, expected.y, double(s.in_channels * s.kernel_height * s.kernel_width));
  check_close("data adjoint", found.x, expected.x, double(s.out_channels * s.kernel_height * s.kernel_width));
  check_close("weight adjoint", found.w, expected.w, double(s.batch * s.out_height() * s.out_width()));
}

void check_both(const Conv2dShape& s) {
  check<float>(s);
  check<double>(s);
}

}  // namespace

TEST_CASE("3 x 3 convolutions agree with plain loops over ragged channels", "[conv2d]") {
  for (const bool circular : {false, true})
    for (const Index in : {1, 2, 3, 7, 37, 81})
      for (const Index out : {1, 3, 6, 13, 38}) check_both({2, in, out, 5, 11, 3, 3, 1, 1, circular});
}

TEST_CASE("3 x 3 convolutions agree with plain loops over ragged images", "[conv2d]") {
  for (const bool circular : {false, true})
    for (Index height = 1; height <= 35; height += height < 5 ? 1 : 6)
      for (const Index width : {1, 2, 3, 7, 8, 14, 15, 16, 17, 28, 31, 32, 33})
        check_both({3, 2, 7, height, width, 3, 3, 1, 1, circular});
}

TEST_CASE("convolutions of any kernel, stride and border agree with plain loops", "[conv2d]") {
  for (const bool circular : {false, true})
    for (const Index stride : {1, 2, 3})
      for (const auto& [kernel_height, kernel_width, padding] :
           {std::array<Index, 3>{1, 1, 0}, {3, 3, 0}, {3, 3, 1}, {5, 3, 1}, {5, 5, 2}, {2, 4, 0}, {7, 7, 3}})
        for (const auto& [height, width] : {std::array<Index, 2>{9, 12}, {8, 7}, {17, 34}})
          check_both({2, 3, 8, height, width, kernel_height, kernel_width, stride, padding, circular});
  for (const Index padding : {2, 3, 4}) check_both({2, 2, 5, 6, 9, 3, 2, 1, padding, false});
  check_both({1, 1, 2, 2, 3, 7, 7, 1, 3, true});
}

TEST_CASE("a convolution takes its bias, and its weight adjoint gives the bias's gradient", "[conv2d]") {
  Problem<float> in({5, 4, 9, 6, 10, 3, 3, 1, 1, false});
  Oracle expected = oracle(in);
  std::vector<float> y(in.y.size(), untouched), w(in.w.size(), untouched), b(in.b.size(), untouched);
  kernels::conv2d_cpu(in.s, array_of(in.x), array_of(in.w), array_of(in.b), array_of(y));
  kernels::conv2d_weight_adjoint_cpu(in.s, array_of(in.y), array_of(in.x), array_of(w), array_of(b));
  for (std::size_t i = 0; i < y.size(); ++i) expected.y.add(i, double(in.b[i / 60 % 9]));
  check_close("y", y, expected.y, 4 * 9 + 1);
  check_close("weights", w, expected.w, 5 * 60);
  check_close("bias", b, expected.b, 5 * 60);
}

namespace {

void round_operands(Problem<float>& in) {
  for (auto* const operand : {&in.x, &in.w, &in.y})
    for (float& v : *operand) v = kernels::round_to_bf16(v);
}

void check_rounded(const Conv2dShape& s, const Oracle& expected, const Results<float>& found) {
  check_close("conv2d", found.y, expected.y, double(s.in_channels * s.kernel_height * s.kernel_width));
  check_close("data adjoint", found.x, expected.x, double(s.out_channels * s.kernel_height * s.kernel_width));
  check_close("weight adjoint", found.w, expected.w, double(s.batch * s.out_height() * s.out_width()));
}

}  // namespace

TEST_CASE("bf16 convolutions agree with plain loops over rounded operands", "[conv2d]") {
  const kernels::ScopedPrecision bf16(kernels::Precision::bf16);
  for (const Conv2dShape& s : {Conv2dShape{3, 24, 38, 9, 14, 3, 3, 1, 1, false},
                               {40, 9, 8, 6, 5, 3, 3, 1, 1, true},
                               {2, 17, 11, 12, 7, 5, 3, 1, 1, false},
                               {5, 8, 33, 8, 8, 1, 1, 1, 0, false},
                               {2, 12, 16, 9, 10, 5, 5, 1, 2, true},
                               {3, 10, 9, 9, 9, 3, 3, 1, 0, false},
                               {2, 24, 10, 28, 28, 3, 3, 1, 1, false},
                               {1, 38, 38, 32, 32, 3, 3, 1, 1, false},
                               {1, 81, 70, 16, 18, 3, 3, 1, 1, true},
                               {17, 38, 38, 4, 6, 3, 3, 1, 1, false}}) {
    INFO(kernels::describe_conv2d("in bf16", s));
    Problem<float> in(s);
    round_operands(in);
    const Oracle expected = oracle(in);
    if (kernels::conv2d_by_amx(s, DType::float32)) check_rounded(s, expected, run(in));
    if (!kernels::conv2d_in_bf16(s, DType::float32)) continue;  // the CPU has no bf16, or few channels
    Results<float> r{in.y, in.x, in.w};
    kernels::conv2d_bf16(s, in.x.data(), in.w.data(), nullptr, r.y.data());
    kernels::conv2d_data_adjoint_bf16(s, in.y.data(), in.w.data(), r.x.data());
    kernels::conv2d_weight_adjoint_bf16(s, in.y.data(), in.x.data(), r.w.data(), nullptr);
    check_rounded(s, expected, r);
  }
}

TEST_CASE("a bf16 convolution takes its bias, and does not depend on the number of threads", "[conv2d]") {
  const kernels::ScopedPrecision bf16(kernels::Precision::bf16);
  const Index images = 37;
  Problem<float> in({images, 8, 9, 6, 10, 3, 3, 1, 1, false});
  round_operands(in);
  Oracle expected = oracle(in);
  for (std::size_t i = 0; i < in.y.size(); ++i) expected.y.add(i, double(in.b[i / 60 % 9]));
  const int before = kernels::thread_count();
  std::vector<float> first;
  for (const int threads : {1, 2, 3, 8}) {
    kernels::set_thread_count(threads);
    std::vector<float> y(in.y.size(), untouched), w(in.w.size(), untouched), b(in.b.size(), untouched);
    kernels::conv2d_cpu(in.s, array_of(in.x), array_of(in.w), array_of(in.b), array_of(y));
    kernels::conv2d_weight_adjoint_cpu(in.s, array_of(in.y), array_of(in.x), array_of(w), array_of(b));
    check_close("y", y, expected.y, 8 * 9 + 1);
    check_close("weights", w, expected.w, double(images * 60));
    check_close("bias", b, expected.b, double(images * 60));
    if (threads == 1) first = w;
    CHECK(w == first);
  }
  kernels::set_thread_count(before);
}

TEST_CASE("Winograd's convolutions agree with plain loops, and can be switched off", "[conv2d]") {
  for (const Conv2dShape& s : {Conv2dShape{2, 17, 38, 6, 34, 3, 3, 1, 1, false},
                               {3, 24, 16, 14, 28, 3, 3, 1, 1, false},
                               {1, 38, 25, 16, 16, 3, 3, 1, 1, false},
                               {4, 16, 16, 2, 2, 3, 3, 1, 1, false}}) {
    INFO(kernels::describe_conv2d("by Winograd's products", s));
    if (!kernels::conv2d_by_winograd(s, DType::float32)) continue;  // the CPU has no AVX-512
    Problem<float> in(s);
    Oracle expected = oracle(in);
    const Results<float> found = run(in);
    const Results<float> direct = [&] {
      const kernels::ScopedWinograd off(false);
      return run(in);
    }();
    CHECK(found.y != direct.y);
    CHECK(found.x != direct.x);
    CHECK(found.w == direct.w);
    check_close("conv2d without", direct.y, expected.y, double(9 * s.in_channels));
    // A product of sums of a tile's elements rounds by the largest of them.
    for (Sums* const sums : {&expected.y, &expected.x})
      std::fill(sums->size.begin(), sums->size.end(),
                *std::max_element(sums->size.begin(), sums->size.end()));
    check_close("conv2d", found.y, expected.y, 6);
    check_close("data adjoint", found.x, expected.x, 6);
  }
}

TEST_CASE("convolutions do not depend on the number of threads", "[conv2d]") {
  const int before = kernels::thread_count();
  for (const Conv2dShape& s : {Conv2dShape{7, 5, 38, 14, 15, 3, 3, 1, 1, false},
                               {1, 24, 24, 20, 20, 3, 3, 1, 1, true},
                               {1, 24, 30, 20, 20, 3, 3, 1, 1, false},
                               {9, 8, 12, 16, 18, 3, 3, 2, 1, true}}) {
    Problem<float> in(s);
    kernels::set_thread_count(1);
    const Results<float> alone = run(in);
    for (const int threads : {2, 3, 8}) {
      kernels::set_thread_count(threads);
      CHECK(run(in) == alone);
    }
  }
  kernels::set_thread_count(before);
}

}  // namespace stillpoint

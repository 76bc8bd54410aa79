// Tests CUDA memory, errors, matrix products, softmax cross-entropy and optimisers on the emulator.
#include "kernels/device/cuda.h"
#include "kernels/device/cuda_memory.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/gemm/gemm_cuda.h"
#include "kernels/strided/strided.h"
#include "tests/kernels/index_cases.h"
#include "tests/kernels/losses_update_cases.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/error_text.h"

namespace stillpoint::kernels {
namespace {

using Values = std::vector<double>;

// Returns operands as a bf16 product sees them: 7 bits of mantissa, rounded to nearest even. The machine
// decides how tf32 rounds ties, so tf32 results are compared with unrounded operands, with a tolerance of its
// 10 bits.
Values rounded_for(Precision p, Values values) {
  if (p != Precision::bf16) return values;
  for (double& v : values) {
    if (v == 0) continue;
    const double unit = std::ldexp(1.0, std::ilogb(v) - 7);
    v = std::nearbyint(v / unit) * unit;
  }
  return values;
}
template <class T>
void check_product(const char* what, const std::vector<T>& actual, const Values& expected, double k,
                   Precision used) {
  if (used == Precision::tf32) return check_close(what, actual, expected, k, 2, std::ldexp(1.0, -10));
  check_close(what, actual, expected, k);
}

Values product(const GemmShape& s, const Values& a, const Values& b, Values c) {
  for (std::int64_t i = 0; i < s.m; ++i)
    for (std::int64_t j = 0; j < s.n; ++j) {
      double sum = s.accumulate ? c[std::size_t(i * s.n + j)] : 0;
      for (std::int64_t k = 0; k < s.k; ++k)
        sum += a[std::size_t(s.transpose_a ? k * s.m + i : i * s.k + k)] *
               b[std::size_t(s.transpose_b ? j * s.k + k : k * s.n + j)];
      c[std::size_t(i * s.n + j)] = sum;
    }
  return c;
}

template <class T>
void check_gemm(const GemmShape& s, Precision p) {
  INFO("gemm " << s.m << " " << s.n << " " << s.k << " transposed " << s.transpose_a << s.transpose_b
               << " accumulate " << s.accumulate << " precision " << int(p) << " " << name_of(dtype_of<T>()));
  const ScopedPrecision scope(p);
  std::mt19937 rng(unsigned(s.m * 31 + s.n * 7 + s.k));
  const auto a = random_values<T>(rng, s.m * s.k), b = random_values<T>(rng, s.k * s.n);
  const auto c = s.accumulate ? random_values<T>(rng, s.m * s.n) : unwritten<T>(s.m * s.n);
  const DeviceArray<T> dev_a(Device::cuda, a), dev_b(Device::cuda, b), dev_c(Device::cuda, c);
  gemm_cuda(s, dev_a.array(), dev_b.array(), dev_c.array());
  const Precision used = std::is_same_v<T, double> ? Precision::float32 : p;
  check_product("c", dev_c.host(),
                product(s, rounded_for(used, to_double(a)), rounded_for(used, to_double(b)), to_double(c)),
                double(s.k), used);
}

struct LinearCase {
  LinearShape shape;
  bool bias, plus, transpose_w;
  std::int64_t offset = 0;  // in elements, from the allocation's start to x
};

template <class T>
void check_linear(const LinearCase& test, Precision p) {
  const auto& [s, bias, plus, transpose_w, offset] = test;
  INFO("linear " << s.rows << " " << s.in << " " << s.out << " relu " << s.relu << " bias " << bias
                 << " plus " << plus << " transposed " << transpose_w << " offset " << offset << " precision "
                 << int(p) << " " << name_of(dtype_of<T>()));
  const ScopedPrecision scope(p);
  const Precision used = std::is_same_v<T, double> ? Precision::float32 : p;
  std::mt19937 rng(unsigned(s.rows * 31 + s.in * 7 + s.out));
  for (int repeat = 0; repeat < 2; ++repeat) {  // the second run finds its plan, and has another bias
    const auto x = random_values<T>(rng, s.rows * s.in + offset), w = random_values<T>(rng, s.out * s.in);
    const auto b = random_values<T>(rng, s.out), added = random_values<T>(rng, s.rows * s.out);
    const DeviceArray<T> dev_x(Device::cuda, x), dev_w(Device::cuda, w), dev_b(Device::cuda, b),
        dev_added(Device::cuda, added);
    const DeviceArray<T> y(Device::cuda, unwritten<T>(s.rows * s.out));
    Array from = dev_x.array();
    from.data = from.as<T>() + offset;
    from.size -= offset;
    linear_cuda(s, from, dev_w.array(),
                {bias ? dev_b.array() : Array{}, plus ? dev_added.array() : Array{}, transpose_w}, y.array());
    const Values x64(x.begin() + offset, x.end());
    Values expected =
        product({.m = s.rows, .n = s.out, .k = s.in, .transpose_b = transpose_w}, rounded_for(used, x64),
                rounded_for(used, to_double(w)), Values(std::size_t(s.rows * s.out)));
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (bias) expected[i] += double(b[i % std::size_t(s.out)]);
      if (plus) expected[i] += double(added[i]);
      if (s.relu && expected[i] < 0) expected[i] = 0;
    }
    check_product("y", y.host(), expected, double(s.in + 1), used);
  }
}

}  // namespace

TEST_CASE("CUDA memory is allocated, copied in every direction, zeroed and refused", "[cuda][memory]") {
  std::string why_not = "unset";
  const bool available = cuda_available(&why_not);
  INFO(why_not);
  REQUIRE(available);
  CHECK(why_not.empty());
  CHECK_THAT(cuda_summary(), mentions("cuda:", "compute capability", "multiprocessors", "MiB"));
  const auto [free, total] = cuda_memory_info();
  CHECK(free <= total);
  CHECK(allocate_cuda(2 * total) == nullptr);
  CHECK_THAT(error_text([total = total] { Buffer(Device::cuda, 2 * total); }),
             mentions("memory: asked for", "bytes on cuda", "smaller batch"));
  const std::vector<int> values{1, 2, 3, 4};
  const std::size_t bytes = values.size() * sizeof(int);
  void* const first = allocate_cuda(bytes);
  void* const second = allocate_cuda(bytes);
  std::vector<int> back(4, -1);
  copy_cuda(first, Device::cuda, values.data(), Device::cpu, bytes);
  copy_cuda(second, Device::cuda, first, Device::cuda, bytes);
  copy_cuda(back.data(), Device::cpu, second, Device::cuda, bytes);
  CHECK(back == values);
  zero_cuda(second, bytes);
  copy_cuda(back.data(), Device::cpu, second, Device::cuda, bytes);
  CHECK(back == std::vector<int>(4, 0));
  zero_cuda(first, bytes);  // nothing waits for it before the memory is freed
  free_cuda(first);
  free_cuda(second);
}

TEST_CASE("a machine that cannot run the engine says what to do", "[cuda][errors]") {
  using cuda::device_problem;
  const cuda::DeviceFacts good{.driver = 13000, .runtime = 13000, .devices = 1, .major = 8, .minor = 0};
  CHECK(device_problem(good).empty());
  cuda::DeviceFacts facts = good;
  facts.runtime = 13010;  // a later minor version runs on the first driver of its major version
  CHECK(device_problem(facts).empty());
  facts.driver = 0;
  CHECK_THAT(device_problem(facts), mentions("no NVIDIA driver", "13.1", "install", "--device cpu"));
  facts.driver = 12040;
  CHECK_THAT(device_problem(facts), mentions("driver for CUDA 12.4", "13.0 or later", "update"));
  facts = good;
  facts.devices = 0;
  CHECK_THAT(device_problem(facts), mentions("no GPU", "CUDA_VISIBLE_DEVICES"));
  facts = good;
  facts.major = 7;
  facts.minor = 5;
  CHECK_THAT(device_problem(facts), mentions("compute capability 7.5", "8.0"));
}

TEST_CASE("a failed call names itself, its place and a remedy", "[cuda][errors]") {
  cuda::queue();
  CHECK_NOTHROW(STILLPOINT_CUDA_CHECK(cudaSuccess));
  CHECK_THAT(
      error_text([] { STILLPOINT_CUDA_CHECK(cudaSetDevice(99)); }),
      mentions("cudaSetDevice(99)", "test_kernels_cuda.cpp:", "cudaErrorInvalidDevice", "expected success"));
  CHECK_THAT(error_text([] { STILLPOINT_CUDA_CHECK(cudaErrorMemoryAllocation); }), mentions("smaller batch"));
  CHECK_THAT(error_text([] { STILLPOINT_CUDA_CHECK(CUBLAS_STATUS_INVALID_VALUE); }),
             mentions("CUBLAS_STATUS_INVALID_VALUE", "test_kernels_cuda.cpp:"));
}

TEST_CASE("CUDA matrix products agree with plain loops", "[cuda][gemm]") {
  const GemmShape sizes[] = {{1, 1, 1}, {3, 5, 7}, {17, 1, 33}, {1, 9, 4}, {40, 30, 20}, {2, 2, 300}};
  for (GemmShape s : sizes)
    for (int variant = 0; variant < 8; ++variant) {
      s.transpose_a = variant % 2 != 0;
      s.transpose_b = variant / 2 % 2 != 0;
      s.accumulate = variant / 4 != 0;
      for (const Precision p : {Precision::float32, Precision::tf32, Precision::bf16})
        check_gemm<float>(s, p);
      check_gemm<double>(s, Precision::bf16);
    }
}

TEST_CASE("a matrix product beyond 32-bit sizes is an error", "[cuda][gemm]") {
  const std::int64_t huge = std::int64_t(1) << 31;
  CHECK_THAT(error_text([huge] { gemm_cuda({.m = huge, .n = 1, .k = 1}, {}, {}, {}); }),
             mentions("gemm", "2147483648", "smaller batch"));
}

TEST_CASE("CUDA linear layers agree with plain loops", "[cuda][gemm]") {
  const LinearShape sizes[] = {{1, 1, 1}, {5, 3, 7}, {33, 10, 32}, {130, 64, 10}, {4, 0, 3}};
  for (LinearShape s : sizes)
    for (int variant = 0; variant < 8; ++variant) {
      s.relu = variant % 2 != 0;
      LinearCase test{s, variant / 2 % 2 != 0, variant / 4 != 0, variant % 3 != 0};
      for (const Precision p : {Precision::float32, Precision::tf32, Precision::bf16})
        check_linear<float>(test, p);
      check_linear<double>(test, Precision::tf32);
      test.offset = 3;
      check_linear<float>(test, Precision::float32);
    }
}

// The library's ReLU is not used, because it may turn a NaN into 0.
TEST_CASE("an aligned linear layer is one library call, with a sum too, and a launch for its ReLU",
          "[cuda][gemm]") {
  const DeviceArray<float> x(Device::cuda, std::vector<float>(12, 1.0f)),
      w(Device::cuda, {1, 1, 1, 1, NAN, 1, 1, 1, -1, -1, -1, -1});
  const DeviceArray<float> b(Device::cuda, {1, 2, 3}), plus(Device::cuda, std::vector<float>(9, 0.5f));
  for (const bool relu : {false, true}) {
    const DeviceArray<float> y(Device::cuda, unwritten<float>(9));
    simt::reset_stats();
    linear_cuda({.rows = 3, .in = 4, .out = 3, .relu = relu}, x.array(), w.array(),
                {.b = b.array(), .plus = plus.array()}, y.array());
    const std::vector<float> values = y.host();
    for (std::size_t row = 0; row < 3; ++row) {
      CHECK(values[3 * row] == 5.5);
      CHECK(std::isnan(values[3 * row + 1]));
      CHECK(values[3 * row + 2] == (relu ? 0 : -0.5));
    }
    CHECK_COUNTED(simt::stats().launches == (relu ? 1 : 0));
    CHECK_COUNTED(simt::stats().library_calls == 1);
  }
}

TEST_CASE("softmax cross-entropy on CUDA agrees with plain loops", "[cuda][orders][softmax_xent]") {
  struct {
    std::int64_t rows, classes;
  } const sizes[] = {{1, 1}, {3, 2}, {520, 10}, {37, 33}, {5, 513}};
  for (const std::uint64_t seed : {0, 9}) {
    simt::set_seed(seed);
    for (const auto& [rows, classes] : sizes)
      for (const double spread : {0.01, 1.0, 20.0}) {
        check_softmax<float>(Device::cuda, rows, classes, spread);
        check_softmax<double>(Device::cuda, rows, classes, spread);
      }
    check_bad_labels(Device::cuda, 10);
  }
}

TEST_CASE("an embedding on CUDA gives NaN for ids out of range, and its adjoint leaves them out",
          "[cuda][embedding]") {
  const DeviceArray<float> table(Device::cuda, {1, 2, 3, 4}), y(Device::cuda, std::vector<float>(10, 0.0f));
  const DeviceArray<std::int32_t> ids(Device::cuda, {1, -1, 0, 2, INT32_MAX});
  embedding(2, table.array(), ids.array(), y.array());
  const auto rows = y.host();
  const std::vector<float> expected{3, 4, NAN, NAN, 1, 2, NAN, NAN, NAN, NAN};
  for (std::size_t i = 0; i < rows.size(); ++i)
    CHECK((std::isnan(expected[i]) ? std::isnan(rows[i]) : rows[i] == expected[i]));
  const DeviceArray<float> g(Device::cuda, {1, 2, 4, 8, 16, 32, 64, 128, 256, 512});
  const DeviceArray<float> gradient(Device::cuda, std::vector<float>(4, 0.0f));
  embedding_adjoint(2, g.array(), ids.array(), gradient.array());
  CHECK(gradient.host() == std::vector<float>{16, 32, 1, 2});
}

TEST_CASE("an embedding's adjoint on CUDA is right and the same on every run, for few ids and many",
          "[cuda][orders][embedding]") {
  std::vector<std::vector<float>> of_runs;
  for (const std::uint64_t seed : {0, 9}) {
    simt::set_seed(seed);
    embedding_gradient<float>(Device::cuda, 1024, 10, 5, 3, true);
    embedding_gradient<float>(Device::cuda, 1025, 10, 5, 3, true);
    embedding_gradient<double>(Device::cuda, 1100, 1, 2, 1000000, true);  // one run through all chunks
    embedding_gradient<float>(Device::cuda, 6000, 3000, 3, 1, true);      // several passes of the sort
    of_runs.push_back(embedding_gradient<float>(Device::cuda, 5200, 10, 7, 12, false));
  }
  CHECK(of_runs[0] == of_runs[1]);
}

TEST_CASE("element-wise kernels on CUDA reach every element of a long array", "[cuda][elementwise]") {
  std::mt19937 rng(7);
  auto expected = random_values<float>(rng, 70000);
  const DeviceArray<float> x(Device::cuda, expected), y(Device::cuda, unwritten<float>(70000));
  const DeviceArray<float> product(Device::cuda, unwritten<float>(70000));
  unary(Unary::square, x.array(), y.array());
  binary(Binary::multiply, x.array(), x.array(), product.array());
  for (float& v : expected) v *= v;
  CHECK(y.host() == expected);
  CHECK(product.host() == expected);
}

TEST_CASE("arg-max and confusion on CUDA agree with plain loops", "[cuda][orders][predictions]") {
  for (const std::uint64_t seed : {0, 9}) {
    simt::set_seed(seed);
    check_argmax<float>(Device::cuda, 300, 10);
    check_argmax<double>(Device::cuda, 30, 77);
    check_argmax<float>(Device::cuda, 3, 1);
    check_confusion(Device::cuda);
  }
}

TEST_CASE("the optimisers on CUDA agree with plain loops", "[cuda][orders][adam]") {
  for (const std::uint64_t seed : {0, 9}) {
    simt::set_seed(seed);
    check_adam<float>(Device::cuda, optimiser_sizes(), 0.25, 0.1);
    check_adam<double>(Device::cuda, optimiser_sizes(), 1, 0, 0.1);
    check_adam<float>(Device::cuda, std::vector<std::int64_t>(170, 3), 1, 0);
    check_rmsprop<float>(Device::cuda, optimiser_sizes(), 0.25, 0.1, 0.9);
    check_rmsprop<double>(Device::cuda, optimiser_sizes(), 1, 0, 0);
    check_sgd<float>(Device::cuda, optimiser_sizes(), 0.5, 0.1, 0.9);
    check_sgd<double>(Device::cuda, optimiser_sizes(), 1, 0, 0);
  }
}

TEST_CASE("the gradient norm and clip factor on CUDA agree with plain loops", "[cuda][orders][adam]") {
  simt::set_seed(0);
  const std::vector<std::int64_t> sizes{300000, 1, 400001, 0, 77};
  const float norm = check_norm<float>(Device::cuda, sizes);
  simt::set_seed(9);
  CHECK(check_norm<float>(Device::cuda, sizes) == norm);
  check_norm<double>(Device::cuda, optimiser_sizes());
  check_norm<float>(Device::cuda, {});
  check_norm<float>(Device::cuda, std::vector<std::int64_t>(170, 3));
  check_clip_factor(Device::cuda);
}

TEST_CASE("the sum and the norm of 17 million elements on CUDA add level by level", "[cuda][orders][sums]") {
  const std::size_t n = 17'000'000;
  const DeviceArray<float> x(Device::cuda, std::vector<float>(n, 1)), result(Device::cuda, {0});
  sum(x.array(), result.array(), 0.5);
  CHECK(result.host()[0] == 8'500'000.0f);
  const Array gradients[]{x.array()};
  global_norm(gradients, result.array(), {});
  CHECK(result.host()[0] == Approx(std::sqrt(double(n))).epsilon(1e-6));
}

TEST_CASE("a step of 62 tensors takes one launch, and its norm one", "[cuda][adam]") {
  const std::vector<std::int64_t> sizes = optimiser_sizes();
  REQUIRE(sizes.size() == 62);
  OptimiserCase<float> test(Device::cuda, sizes);
  const auto coefficients = coefficients_on<float>(Device::cuda, adam_coefficients(0.1, 0.9, 0.999, 1));
  simt::reset_stats();
  test.step(
      1, [&](auto table, const Array* factor) { adam_step(table, {}, coefficients.array(), factor); },
      [](double&, double, double&, double&) {});
  CHECK_COUNTED(simt::stats().launches == 1);
  simt::reset_stats();
  check_norm<float>(Device::cuda, sizes);
  CHECK_COUNTED(simt::stats().launches == 1);
}

}  // namespace stillpoint::kernels

// Tests two-dimensional convolution on CUDA against plain loops in double: cuDNN with either border, and our
// own kernels if cuDNN does not take the shape.
#include <algorithm>

#include "kernels/conv2d/conv2d_cudnn_plan.h"
#include "kernels/device/library_plans.h"
#include "kernels/device/work_graph.h"
#include "kernels/gemm/gemm.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/device_array.h"
#include "tests/support/error_text.h"

namespace stillpoint::kernels {
namespace {

using Values = std::vector<double>;

std::int64_t size_of_x(const Conv2dShape& s) { return s.batch * s.in_channels * s.height * s.width; }
std::int64_t size_of_w(const Conv2dShape& s) {
  return s.out_channels * s.in_channels * s.kernel_height * s.kernel_width;
}
std::int64_t size_of_y(const Conv2dShape& s) {
  return s.batch * s.out_channels * s.out_height() * s.out_width();
}

// The indices of one term of the sums. Every pass is result += first * second; it names which of y, x and w
// these are.
struct Places {
  std::size_t y, x, w;
};
template <class Term>
void each_term(const Conv2dShape& s, const Term& term) {
  const std::int64_t rows = s.out_height(), columns = s.out_width(), taps = s.kernel_height * s.kernel_width;
  for (std::int64_t y = 0; y < size_of_y(s); ++y)
    for (std::int64_t c = 0; c < s.in_channels; ++c)
      for (std::int64_t tap = 0; tap < taps; ++tap) {
        const std::int64_t o = y / (rows * columns) % s.out_channels,
                           n = y / (rows * columns * s.out_channels);
        std::int64_t i = y / columns % rows * s.stride + tap / s.kernel_width - s.padding;
        std::int64_t j = y % columns * s.stride + tap % s.kernel_width - s.padding;
        const bool outside = i < 0 || i >= s.height || j < 0 || j >= s.width;
        if (outside && !s.circular) continue;
        i = (i + 8 * s.height) % s.height;
        j = (j + 8 * s.width) % s.width;
        term(Places{std::size_t(y), std::size_t(((n * s.in_channels + c) * s.height + i) * s.width + j),
                    std::size_t((o * s.in_channels + c) * taps + tap)});
      }
}

// Describes one pass: its result, its factors, the index of each in a term, and the names of its call and
// kernel.
struct Pass {
  const char* name;
  void (*run)(const Conv2dShape&, const Array&, const Array&, const Array&);
  std::int64_t (*result)(const Conv2dShape&);
  std::int64_t (*first)(const Conv2dShape&);
  std::int64_t (*second)(const Conv2dShape&);
  std::size_t Places::*to;
  std::size_t Places::*from;
  std::size_t Places::*by;
  const char* call;
  const char* body;
};
const Pass passes[] = {
    {"conv2d", conv2d, size_of_y, size_of_x, size_of_w, &Places::y, &Places::x, &Places::w,
     "cudnnConvolutionForward", "Conv2d<"},
    {"conv2d_data_adjoint", conv2d_data_adjoint, size_of_x, size_of_y, size_of_w, &Places::x, &Places::y,
     &Places::w, "cudnnConvolutionBackwardData", "Conv2dDataAdjoint<"},
    {"conv2d_weight_adjoint", conv2d_weight_adjoint, size_of_w, size_of_y, size_of_x, &Places::w, &Places::y,
     &Places::x, "cudnnConvolutionBackwardFilter", "Conv2dWeightAdjoint<"}};

double longest_sum(const Pass& pass, const Conv2dShape& s) {
  std::vector<double> terms(static_cast<std::size_t>(pass.result(s)));
  each_term(s, [&](const Places& at) { terms[at.*pass.to] += 1; });
  return std::max(1.0, *std::max_element(terms.begin(), terms.end()));
}

#if STILLPOINT_SIMT
bool logged(const std::string& part) {
  const auto log = simt::launch_log();
  return std::any_of(log.begin(), log.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

// Checks that the pass was one call of cuDNN (with one more kernel if the border wraps) or one kernel of
// ours.
void check_launches(const Pass& pass, const Conv2dShape& s, bool by_cudnn) {
  CHECK(logged(by_cudnn ? pass.call : pass.body));
  const bool border = by_cudnn && s.circular && s.padding > 0;
  CHECK_COUNTED(simt::launch_log().size() == (border ? 2u : 1u));
  if (border) CHECK(logged(pass.to == &Places::x ? "FoldBorder<" : "WrapBorder<"));
}
#else
void check_launches(const Pass&, const Conv2dShape&, bool) {}
#endif

struct Run {
  Conv2dShape shape;
  Precision precision = Precision::float32;
  std::int64_t offset = 0;  // in elements, from the allocation's start to the first factor
  bool by_cudnn = true;
};

// Runs the pass twice: the second run finds its plan, and must give the same bits.
template <class T>
void check_pass(const Pass& pass, const Run& run) {
  const Conv2dShape& s = run.shape;
  INFO(pass.name << " x (" << s.batch << "," << s.in_channels << "," << s.height << "," << s.width << ") w ("
                 << s.out_channels << "," << s.kernel_height << "," << s.kernel_width << ") stride "
                 << s.stride << " padding " << s.padding << " circular " << s.circular << " precision "
                 << int(run.precision) << " offset " << run.offset << " " << name_of(dtype_of<T>()));
  const ScopedPrecision scope(run.precision);
  std::mt19937 rng(unsigned(s.height * 31 + s.width * 7 + s.kernel_width));
  const auto first = random_values<T>(rng, pass.first(s) + run.offset);
  const auto second = random_values<T>(rng, pass.second(s));
  const DeviceArray<T> a(Device::cuda, first), b(Device::cuda, second);
  Array from = a.array();
  from.data = from.as<T>() + run.offset;
  from.size -= run.offset;
  std::vector<T> before;
  for (int repeat = 0; repeat < 2; ++repeat) {
    const DeviceArray<T> result(Device::cuda, unwritten<T>(pass.result(s)));
    simt::reset_stats();
    pass.run(s, from, b.array(), result.array());
    check_launches(pass, s, run.by_cudnn);
    const std::vector<T> now = result.host();
    if (repeat > 0) CHECK(now == before);
    before = now;
  }
  Values expected(static_cast<std::size_t>(pass.result(s)));
  each_term(s, [&](const Places& at) {
    expected[at.*pass.to] +=
        double(first[at.*pass.from + std::size_t(run.offset)]) * double(second[at.*pass.by]);
  });
  const double terms = longest_sum(pass, s);
  if (std::is_same_v<T, float> && run.precision != Precision::float32 && run.by_cudnn)
    return check_close(pass.name, before, expected, terms, 2, std::ldexp(1.0, -10));  // tf32 operands
  check_close(pass.name, before, expected, terms);
}

template <class T>
void check(const Run& run) {
  for (const Pass& pass : passes) check_pass<T>(pass, run);
}

//                       N  Ci Co H  W  Kh Kw stride padding circular
constexpr Conv2dShape zero{2, 3, 5, 9, 7, 3, 3, 1, 1, false}, strided{1, 2, 3, 11, 6, 4, 3, 2, 1, false},
    bare{3, 1, 2, 5, 33, 2, 5, 3, 0, false}, pointwise{1, 4, 3, 3, 5, 1, 1, 1, 0, false},
    wrapped{2, 3, 4, 6, 9, 3, 3, 1, 1, true}, wrapped_strided{2, 2, 3, 7, 8, 5, 7, 2, 2, true},
    wide_border{1, 2, 2, 2, 3, 7, 7, 1, 3, true}, circular_without_border{1, 2, 2, 5, 4, 3, 2, 1, 0, true};

}  // namespace

TEST_CASE("two-dimensional convolutions by cuDNN agree with plain loops", "[cuda][conv2d]") {
  for (const Conv2dShape& shape :
       {zero, strided, bare, pointwise, wrapped, wrapped_strided, wide_border, circular_without_border}) {
    check<float>({shape});
    check<double>({shape});
  }
}

TEST_CASE("cuDNN rounds as the precision asks and no more", "[cuda][conv2d]") {
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    check<float>({zero, precision});
    check<float>({wrapped, precision});
    check<double>({zero, precision});
  }
  // tf32 drops 2^-12 when it is added to 1.
  const DeviceArray<float> x(Device::cuda, std::vector<float>{1 + 0x1p-12f}),
      w(Device::cuda, std::vector<float>{1});
  const auto product = [&](Precision precision) {
    const ScopedPrecision scope(precision);
    const DeviceArray<float> y(Device::cuda, unwritten<float>(1));
    conv2d({1, 1, 1, 1, 1, 1, 1, 1, 0, false}, x.array(), w.array(), y.array());
    return y.host()[0];
  };
  CHECK(product(Precision::float32) == 1 + 0x1p-12f);
  CHECK(product(Precision::tf32) == 1);
  CHECK(product(Precision::float32) == 1 + 0x1p-12f);
}

TEST_CASE("convolutions that cuDNN does not take go to the bodies", "[cuda][conv2d]") {
  const Conv2dShape long_taps{1, 1, 2, 2, 70, 1, 65, 1, 0, false};
  for (const Conv2dShape& shape : {zero, wrapped, wide_border}) {
    check<float>({.shape = shape, .offset = 1, .by_cudnn = false});
    check<double>({.shape = shape, .offset = 1, .by_cudnn = false});
  }
  check<float>({.shape = long_taps, .by_cudnn = false});
  const DeviceArray<float> none(Device::cuda, {}), w(Device::cuda, std::vector<float>(9, 1));
  conv2d_weight_adjoint({0, 1, 1, 4, 4, 3, 3, 1, 1, false}, none.array(), none.array(), w.array());
  CHECK(w.host() == std::vector<float>(9, 0));
}

TEST_CASE("what does a convolution is kept for people to read", "[cuda][conv2d]") {
  const Conv2dShape taken{1, 1, 1, 6, 7, 3, 3, 1, 1, false}, long_taps{1, 1, 2, 2, 70, 1, 65, 1, 0, false};
  check<float>({.shape = taken});
  check<float>({.shape = long_taps, .by_cudnn = false});
  const auto kept = [](const std::string& library, const Conv2dShape& s) {
    std::string lines;
    for (const LibraryPlan& plan : kept_plans())
      if (plan.library == library && plan.work.starts_with(describe_conv2d("forward", s)))
        lines += describe(plan);
    return lines;
  };
  CHECK_THAT(kept("cuDNN", taken),
             mentions("convolution forward (1,1,6,7) by (1,1,3,3)", "algorithm", "FMA"));
  CHECK(kept("plain kernel", taken).empty());
  CHECK_THAT(kept("cuDNN", long_taps), mentions("not found"));
  CHECK_THAT(kept("plain kernel", long_taps), mentions("(1,1,2,70)"));
}

TEST_CASE("a recorded convolution needs its warm-up and repeats its bits", "[cuda][conv2d]") {
  std::mt19937 rng(5);
  check<float>({.shape = wrapped});  // makes cuDNN's handle, which must not be made during a recording
  for (const Pass& pass : passes) {
    Conv2dShape s = wrapped;
    s.width += 2;  // no other test has a plan for this shape
    const auto first = random_values<float>(rng, pass.first(s)),
               second = random_values<float>(rng, pass.second(s));
    const DeviceArray<float> a(Device::cuda, first), b(Device::cuda, second);
    const DeviceArray<float> plain(Device::cuda, unwritten<float>(pass.result(s))),
        replayed(Device::cuda, unwritten<float>(pass.result(s)));
    const auto work = [&] { pass.run(s, a.array(), b.array(), replayed.array()); };
    WorkGraph cold;
    cold.warm_up([] {});
    CHECK_THAT(error_text([&] { cold.record(work); }), mentions("convolution", "cuda_cudnn_plan.cu"));
    WorkGraph graph;
    graph.warm_up(work);
    graph.record(work);
    pass.run(s, a.array(), b.array(), plain.array());
    zero_bytes(replayed.array().data, Device::cuda, std::size_t(pass.result(s)) * sizeof(float));
    graph.replay();
    graph.replay();
    CHECK(replayed.host() == plain.host());
  }
}

TEST_CASE("a failed cuDNN call names itself, its place and a remedy", "[cuda][conv2d][errors]") {
  CHECK_NOTHROW(STILLPOINT_CUDA_CHECK(CUDNN_STATUS_SUCCESS));
  CHECK_THAT(error_text([] { STILLPOINT_CUDA_CHECK(cudnnSetStream(nullptr, nullptr)); }),
             mentions("cudnnSetStream(nullptr, nullptr)", "test_conv2d_cuda.cpp:", "CUDNN_STATUS_BAD_PARAM",
                      "expected success", "check that cuDNN"));
}

}  // namespace stillpoint::kernels

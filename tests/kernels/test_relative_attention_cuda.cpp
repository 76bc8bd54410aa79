// Tests the CUDA kernels of relative attention, on the emulator, against the CPU's in float64.
#include "kernels/relative_attention/relative_attention.h"
#include "tests/support/device_array.h"

namespace stillpoint::kernels {
namespace {

struct Result {
  std::vector<double> y, log_sum, dqkv, dr, db_w, db_r;
};

struct Problem {
  RelativeAttentionShape shape;
  std::vector<double> qkv, r, b_w, b_r, dy;

  Problem(const RelativeAttentionShape& s, unsigned seed) : shape(s) {
    std::mt19937 rng(seed);
    const std::int64_t width = s.heads * s.features;
    // These are float32 numbers, so that both types compute with the same values.
    const auto draw = [&](std::int64_t n) { return to_double(random_values<float>(rng, n)); };
    qkv = draw(s.batch * s.length * 3 * width);
    r = draw(s.length * width);
    b_w = draw(width);
    b_r = draw(width);
    dy = draw(s.batch * s.length * width);
  }

  template <class T>
  Result run(Device device, bool parameters) const {
    const auto on_device = [&](const std::vector<double>& v) {
      return DeviceArray<T>(device, std::vector<T>(v.begin(), v.end()));
    };
    const auto blank = [&](std::int64_t n) { return DeviceArray<T>(device, unwritten<T>(n)); };
    const std::int64_t width = shape.heads * shape.features, outputs = shape.batch * shape.length * width;
    const auto q = on_device(qkv), keys = on_device(r), w = on_device(b_w), u = on_device(b_r),
               g = on_device(dy);
    const auto y = blank(outputs), log_sum = blank(shape.batch * shape.length * shape.heads),
               dq = blank(3 * outputs), dr = blank(shape.length * width), dw = blank(width),
               du = blank(width);
    const RelativeAttentionInputs inputs{q.array(), keys.array(), w.array(), u.array()};
    relative_attention_forward(shape, inputs, y.array(), log_sum.array());
    RelativeAttentionInputs grads{dq.array(), {}, {}, {}};
    if (parameters) grads = {dq.array(), dr.array(), dw.array(), du.array()};
    relative_attention_backward(shape, inputs, y.array(), log_sum.array(), g.array(), grads);
    return {to_double(y.host()),  to_double(log_sum.host()), to_double(dq.host()),
            to_double(dr.host()), to_double(dw.host()),      to_double(du.host())};
  }
};

template <class T>
void check(const Problem& p, const Result& expected) {
  const Result actual = p.run<T>(Device::cuda, true), again = p.run<T>(Device::cuda, true);
  const double eps = double(std::numeric_limits<T>::epsilon()),
               terms = double(p.shape.length + p.shape.features);
  const auto close = [&](const char* what, const std::vector<double>& a, const std::vector<double>& b,
                         const std::vector<double>& same) {
    check_close<double>(what, a, b, terms, 16, eps);
    CHECK(a == same);
  };
  close("y", actual.y, expected.y, again.y);
  close("log_sum", actual.log_sum, expected.log_sum, again.log_sum);
  close("dqkv", actual.dqkv, expected.dqkv, again.dqkv);
  close("dr", actual.dr, expected.dr, again.dr);
  close("db_w", actual.db_w, expected.db_w, again.db_w);
  close("db_r", actual.db_r, expected.db_r, again.db_r);
  const Result without = p.run<T>(Device::cuda, false);
  CHECK(without.dqkv == actual.dqkv);
  CHECK(std::isnan(without.dr[0]));
}

}  // namespace

TEST_CASE("relative attention on CUDA equals the CPU's", "[attention]") {
  unsigned seed = 1;
  for (const RelativeAttentionShape s : {RelativeAttentionShape{1, 1, 1, 1},
                                         {2, 3, 2, 5},
                                         {1, 33, 3, 5},
                                         {2, 65, 1, 8},
                                         {1, 130, 2, 5},
                                         {1, 40, 2, 16},
                                         {2, 32, 1, 7}}) {
    INFO("batch " << s.batch << ", length " << s.length << ", heads " << s.heads << ", features "
                  << s.features);
    const Problem problem(s, seed++);
    const Result expected = problem.run<double>(Device::cpu, true);
    check<float>(problem, expected);
    check<double>(problem, expected);
  }
}

TEST_CASE("relative attention on CUDA keeps what is not a number", "[attention]") {
  Problem problem({1, 37, 1, 5}, 9);
  problem.qkv[34 * 15 + 6] = NAN;  // key 34, which queries from 34 on see
  const Result result = problem.run<float>(Device::cuda, true);
  for (std::int64_t i = 0; i < 37; ++i) CHECK(std::isnan(result.y[std::size_t(i * 5)]) == (i >= 34));
  CHECK(std::isnan(result.db_w[0]));
}

}  // namespace stillpoint::kernels

// Tests the CUDA kernels of the TCN block, on the emulator, against plain loops in double.
#include "engine/cases/tcn_block_oracle.h"
#include "kernels/tcn_block/tcn_block_cuda.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/device_array.h"

namespace stillpoint::kernels {
namespace {

using oracle::Values;

// Holds parameters (or unwritten gradients of the same sizes) on the device.
template <class T>
struct DeviceBlock {
  std::vector<DeviceArray<T>> arrays;
  bool down;

  explicit DeviceBlock(const std::vector<std::vector<T>>& values) : down(!values[6].empty()) {
    for (const std::vector<T>& v : values) arrays.emplace_back(Device::cuda, v);
  }
  TcnBlockWeights weights() const {
    TcnBlockWeights w{arrays[0].array(),
                      arrays[1].array(),
                      arrays[2].array(),
                      arrays[3].array(),
                      arrays[4].array(),
                      arrays[5].array(),
                      {},
                      {}};
    if (down) {
      w.down_w = arrays[6].array();
      w.down_b = arrays[7].array();
    }
    return w;
  }
};

template <class T>
std::vector<std::vector<T>> random_block(std::mt19937& rng, const TcnBlockShape& s) {
  const std::int64_t down = s.in_channels == s.channels ? 0 : s.channels;
  const std::int64_t sizes[] = {s.channels * s.in_channels * s.taps,
                                s.channels,
                                s.channels,
                                s.channels * s.channels * s.taps,
                                s.channels,
                                s.channels,
                                down * s.in_channels,
                                down};
  std::vector<std::vector<T>> values;
  for (const std::int64_t n : sizes) values.push_back(random_values<T>(rng, n));
  for (T& v : values[0]) v += T(0.125);  // no row of v is zero
  for (T& v : values[3]) v += T(0.125);
  return values;
}

template <class T>
struct Outcome {
  std::vector<T> a, h, y, dx;
  std::vector<std::vector<T>> grads;
  bool operator==(const Outcome&) const = default;
};

enum class Path { chosen, general };

template <class T>
Outcome<T> run_block(const TcnBlockShape& s, const std::vector<std::vector<T>>& values,
                     const std::vector<T>& x, const std::vector<T>& dy, Path path, bool wants_dx) {
  const DeviceBlock<T> parameters(values);
  std::vector<std::vector<T>> empty;
  for (const auto& v : values) empty.push_back(unwritten<T>(std::int64_t(v.size())));
  const DeviceBlock<T> grads(empty);
  const DeviceArray<T> dev_x(Device::cuda, x), dev_dy(Device::cuda, dy);
  const auto out = unwritten<T>(std::int64_t(dy.size()));
  const DeviceArray<T> a(Device::cuda, out), h(Device::cuda, out), y(Device::cuda, out);
  const DeviceArray<T> dx(Device::cuda, unwritten<T>(std::int64_t(x.size())));
  const Array dx_or_null = wants_dx ? dx.array() : Array{};
  const bool general = path == Path::general;
  (general ? tcn_block_forward_general : tcn_block_forward_cuda)(s, parameters.weights(), dev_x.array(),
                                                                 a.array(), h.array(), y.array());
  (general ? tcn_block_backward_general : tcn_block_backward_cuda)(
      s, parameters.weights(), dev_x.array(), {a.array(), h.array()}, y.array(), dev_dy.array(), dx_or_null,
      grads.weights());
  Outcome<T> outcome{a.host(), h.host(), y.host(), wants_dx ? dx.host() : std::vector<T>{}, {}};
  for (const auto& g : grads.arrays) outcome.grads.push_back(g.host());
  return outcome;
}

// Returns g dg / ||v||, the largest part of dw that the weight norm's adjoint takes away.
double projected(const Values& v, const Values& g, const Values& dg) {
  double largest = 0;
  for (std::size_t o = 0; o < g.size(); ++o)
    largest = std::max(largest, std::abs(g[o] * dg[o]) / oracle::norm_of_row(v, o, v.size() / g.size()));
  return largest;
}

template <class T>
void check_block(const TcnBlockShape& s, Path path, bool wants_dx = true) {
  INFO("N " << s.batch << " Ci " << s.in_channels << " C " << s.channels << " T " << s.length << " K "
            << s.taps << " d " << s.dilation << (path == Path::general ? " general " : " chosen ")
            << name_of(dtype_of<T>()));
  std::mt19937 rng(unsigned(s.length + s.dilation));
  const auto values = random_block<T>(rng, s);
  const auto x = random_values<T>(rng, s.batch * s.in_channels * s.length);
  const auto dy = random_values<T>(rng, s.batch * s.channels * s.length);
  simt::set_seed(0);
  const Outcome<T> outcome = run_block(s, values, x, dy, path, wants_dx);
  for (const std::uint64_t seed : {3, 17}) {
    simt::set_seed(seed);
    simt::set_late(seed == 17);
    CHECK(run_block(s, values, x, dy, path, wants_dx) == outcome);
  }
  simt::set_late(false);

  oracle::TcnBlockParams<double> p;
  for (std::size_t i = 0; i < values.size(); ++i) *p.all()[i] = to_double(values[i]);
  const Values x64 = to_double(x);
  const double k = double((s.in_channels + s.channels) * s.taps);
  const oracle::TcnBlockOutputs out = oracle::tcn_block(s, p, x64);
  check_close("a", outcome.a, out.a, k);
  check_close("h", outcome.h, out.h, k);
  check_close("y", outcome.y, out.y, k);
  Values dx;
  oracle::TcnBlockParams<double> d = oracle::tcn_block_gradients(
      s, p, x64, {to_double(outcome.a), to_double(outcome.h), to_double(outcome.y)}, to_double(dy), dx);
  if (wants_dx) check_close("dx", outcome.dx, dx, k);
  const char* const names[] = {"dv1", "dg1", "db1", "dv2", "dg2", "db2", "ddown_w", "ddown_b"};
  const double cancelled[] = {projected(p.v1, p.g1, d.g1), 0, 0, projected(p.v2, p.g2, d.g2), 0, 0, 0, 0};
  for (std::size_t i = 0; i < 8; ++i)
    check_close(names[i], outcome.grads[i], *d.all()[i], k + double(s.batch * s.length), 16,
                double(std::numeric_limits<T>::epsilon()), cancelled[i]);
}

}  // namespace

TEST_CASE("the fused TCN block agrees with plain loops", "[cuda][orders][tcn_block]") {
  const TcnBlockShape shapes[] = {
      {300, 2, 2, 3, 2, 1},  {300, 6, 3, 3, 2, 1},  // more tiles than blocks
      {1, 1, 10, 520, 8, 1}, {2, 10, 10, 150, 8, 2}, {1, 10, 10, 210, 8, 16}, {1, 10, 10, 520, 8, 128},
      {3, 3, 5, 17, 3, 2},   {1, 1, 1, 1, 1, 1},     {2, 4, 4, 7, 8, 1},      {1, 5, 5, 9, 2, 20},
      {2, 7, 7, 65, 4, 3},   {1, 17, 16, 200, 3, 1}, {1, 6, 13, 130, 5, 7},   {2, 8, 3, 64, 9, 8},
  };
  for (const TcnBlockShape& s : shapes) {
    check_block<float>(s, Path::chosen);
    check_block<double>(s, Path::chosen);
  }
}

TEST_CASE("the general TCN block agrees with plain loops", "[cuda][orders][tcn_block]") {
  const TcnBlockShape shapes[] = {
      {2, 3, 5, 17, 3, 2}, {1, 10, 10, 70, 8, 4}, {1, 1, 1, 1, 1, 1},
      {2, 4, 4, 7, 8, 9},  {2, 66, 65, 12, 2, 3}, {3, 2, 2, 2000, 2, 1},
  };
  for (const TcnBlockShape& s : shapes) {
    check_block<float>(s, Path::general);
    check_block<double>(s, Path::general);
  }
  check_block<float>({1, 130, 130, 7, 3, 1}, Path::chosen);
  check_block<float>({1, 40, 40, 17, 8, 2}, Path::chosen);
}

TEST_CASE("the TCN block leaves dx out where it is not wanted", "[cuda][orders][tcn_block]") {
  check_block<float>({2, 1, 6, 50, 4, 2}, Path::chosen, false);
  check_block<float>({2, 1, 6, 50, 4, 2}, Path::general, false);
}

TEST_CASE("the TCN block's gradients of an empty batch are zero", "[cuda][tcn_block]") {
  const TcnBlockShape s{0, 2, 3, 5, 2, 1};
  std::mt19937 rng(5);
  const auto outcome = run_block<float>(s, random_block<float>(rng, s), {}, {}, Path::chosen, false);
  for (const auto& g : outcome.grads)
    for (const float value : g) CHECK(value == 0.0f);
}

TEST_CASE("the TCN block takes one launch forward and two backward", "[cuda][tcn_block]") {
  const TcnBlockShape s{2, 10, 10, 520, 8, 4};
  std::mt19937 rng(6);
  const auto values = random_block<float>(rng, s);
  const auto x = random_values<float>(rng, s.batch * s.in_channels * s.length);
  simt::reset_stats();
  run_block<float>(s, values, x, x, Path::chosen, true);
  CHECK_COUNTED(simt::stats().launches == 3);
}

}  // namespace stillpoint::kernels

// Tests the CUDA kernels of the TCN block, on the emulator, against plain loops in double.
#include "kernels/tcn_block/tcn_block_cuda.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/device_array.h"

namespace stillpoint::kernels {
namespace {

using Values = std::vector<double>;

struct BlockValues {
  Values v1, g1, b1, v2, g2, b2, down_w, down_b;
};

struct Reference {
  TcnBlockShape s;
  BlockValues p;

  std::size_t weight(std::int64_t o, std::int64_t c, std::int64_t j, std::int64_t in) const {
    return std::size_t((o * in + c) * s.taps + j);
  }
  std::size_t at(std::int64_t n, std::int64_t c, std::int64_t t, std::int64_t channels) const {
    return std::size_t((n * channels + c) * s.length + t);
  }

  double norm(const Values& v, std::int64_t o, std::int64_t in) const {
    double squares = 0;
    for (std::int64_t e = 0; e < in * s.taps; ++e)
      squares += std::pow(v[std::size_t(o * in * s.taps + e)], 2);
    return std::sqrt(squares);
  }
  // Returns g dg / ||v||, the largest part of dw that the weight norm's adjoint takes away.
  double projected(const Values& v, const Values& g, const Values& dg, std::int64_t in) const {
    double largest = 0;
    for (std::int64_t o = 0; o < s.channels; ++o)
      largest = std::max(largest, std::abs(g[std::size_t(o)] * dg[std::size_t(o)]) / norm(v, o, in));
    return largest;
  }
  Values normalised(const Values& v, const Values& g, std::int64_t in) const {
    Values w = v;
    for (std::int64_t i = 0; i < std::int64_t(v.size()); ++i) {
      const std::int64_t o = i / (in * s.taps);
      w[std::size_t(i)] *= g[std::size_t(o)] / norm(v, o, in);
    }
    return w;
  }

  Values convolution(const Values& x, const Values& w, const Values& b, std::int64_t in) const {
    Values y(std::size_t(s.batch * s.channels * s.length));
    for (std::int64_t n = 0; n < s.batch; ++n)
      for (std::int64_t o = 0; o < s.channels; ++o)
        for (std::int64_t t = 0; t < s.length; ++t) {
          double sum = b[std::size_t(o)];
          for (std::int64_t c = 0; c < in; ++c)
            for (std::int64_t j = 0; j < s.taps; ++j) {
              const std::int64_t from = t - (s.taps - 1 - j) * s.dilation;
              if (from >= 0) sum += w[weight(o, c, j, in)] * x[at(n, c, from, in)];
            }
          y[at(n, o, t, s.channels)] = sum > 0 ? sum : 0;
        }
    return y;
  }
  // Returns ReLU(h + r).
  Values residual(const Values& x, Values y) const {
    for (std::int64_t n = 0; n < s.batch; ++n)
      for (std::int64_t o = 0; o < s.channels; ++o)
        for (std::int64_t t = 0; t < s.length; ++t) {
          double r = p.down_w.empty() ? x[at(n, o, t, s.in_channels)] : p.down_b[std::size_t(o)];
          for (std::int64_t c = 0; c < s.in_channels && !p.down_w.empty(); ++c)
            r += p.down_w[std::size_t(o * s.in_channels + c)] * x[at(n, c, t, s.in_channels)];
          double& value = y[at(n, o, t, s.channels)];
          value = value + r > 0 ? value + r : 0;
        }
    return y;
  }

  // Adds one convolution's gradients from its errors, dx included.
  void adjoint(const Values& e, const Values& x, const Values& w, std::int64_t in, Values& dx, Values& dw,
               Values& db) const {
    for (std::int64_t n = 0; n < s.batch; ++n)
      for (std::int64_t o = 0; o < s.channels; ++o)
        for (std::int64_t t = 0; t < s.length; ++t) {
          const double error = e[at(n, o, t, s.channels)];
          db[std::size_t(o)] += error;
          for (std::int64_t c = 0; c < in; ++c)
            for (std::int64_t j = 0; j < s.taps; ++j) {
              const std::int64_t from = t - (s.taps - 1 - j) * s.dilation;
              if (from < 0) continue;
              dw[weight(o, c, j, in)] += error * x[at(n, c, from, in)];
              dx[at(n, c, from, in)] += error * w[weight(o, c, j, in)];
            }
        }
  }
  void norm_adjoint(const Values& v, const Values& g, std::int64_t in, Values& dw, Values& dg) const {
    const std::int64_t size = in * s.taps;
    for (std::int64_t o = 0; o < s.channels; ++o) {
      const double length = norm(v, o, in);
      double dot = 0;
      for (std::int64_t e = o * size; e < (o + 1) * size; ++e) dot += dw[std::size_t(e)] * v[std::size_t(e)];
      dg[std::size_t(o)] = dot / length;
      for (std::int64_t e = o * size; e < (o + 1) * size; ++e)
        dw[std::size_t(e)] =
            g[std::size_t(o)] / length * (dw[std::size_t(e)] - v[std::size_t(e)] * dot / (length * length));
    }
  }

  // Returns the gradients, computed from the activations that backward reads.
  BlockValues backward(const Values& x, const Values& a, const Values& h, const Values& y, const Values& dy,
                       Values& dx) const {
    const auto zeros = [](const Values& like) { return Values(like.size(), 0.0); };
    BlockValues d{zeros(p.v1), zeros(p.g1), zeros(p.b1),     zeros(p.v2),
                  zeros(p.g2), zeros(p.b2), zeros(p.down_w), zeros(p.down_b)};
    Values dr = dy, e2 = dy, e1 = zeros(a);
    for (std::size_t i = 0; i < dy.size(); ++i) {
      dr[i] = y[i] > 0 ? dy[i] : 0;
      e2[i] = h[i] > 0 ? dr[i] : 0;
    }
    adjoint(e2, a, normalised(p.v2, p.g2, s.channels), s.channels, e1, d.v2, d.b2);
    for (std::size_t i = 0; i < a.size(); ++i) e1[i] = a[i] > 0 ? e1[i] : 0;
    dx = zeros(x);
    adjoint(e1, x, normalised(p.v1, p.g1, s.in_channels), s.in_channels, dx, d.v1, d.b1);
    norm_adjoint(p.v1, p.g1, s.in_channels, d.v1, d.g1);
    norm_adjoint(p.v2, p.g2, s.channels, d.v2, d.g2);
    for (std::int64_t n = 0; n < s.batch; ++n)
      for (std::int64_t o = 0; o < s.channels; ++o)
        for (std::int64_t t = 0; t < s.length; ++t) {
          const double error = dr[at(n, o, t, s.channels)];
          if (p.down_w.empty())
            dx[at(n, o, t, s.in_channels)] += error;
          else
            d.down_b[std::size_t(o)] += error;
          for (std::int64_t c = 0; c < s.in_channels && !p.down_w.empty(); ++c) {
            const std::size_t w = std::size_t(o * s.in_channels + c);
            d.down_w[w] += error * x[at(n, c, t, s.in_channels)];
            dx[at(n, c, t, s.in_channels)] += error * p.down_w[w];
          }
        }
    return d;
  }
};

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

  std::vector<Values> p;
  for (const auto& v : values) p.push_back(to_double(v));
  const Reference reference{s, {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]}};
  const Values x64 = to_double(x);
  const double k = double((s.in_channels + s.channels) * s.taps);
  const Values a =
      reference.convolution(x64, reference.normalised(p[0], p[1], s.in_channels), p[2], s.in_channels);
  const Values h = reference.convolution(a, reference.normalised(p[3], p[4], s.channels), p[5], s.channels);
  check_close("a", outcome.a, a, k);
  check_close("h", outcome.h, h, k);
  check_close("y", outcome.y, reference.residual(x64, h), k);
  Values dx;
  const BlockValues d = reference.backward(x64, to_double(outcome.a), to_double(outcome.h),
                                           to_double(outcome.y), to_double(dy), dx);
  if (wants_dx) check_close("dx", outcome.dx, dx, k);
  const Values* const expected[] = {&d.v1, &d.g1, &d.b1, &d.v2, &d.g2, &d.b2, &d.down_w, &d.down_b};
  const char* const names[] = {"dv1", "dg1", "db1", "dv2", "dg2", "db2", "ddown_w", "ddown_b"};
  const double cancelled[] = {reference.projected(p[0], p[1], d.g1, s.in_channels),
                              0,
                              0,
                              reference.projected(p[3], p[4], d.g2, s.channels),
                              0,
                              0,
                              0,
                              0};
  for (std::size_t i = 0; i < 8; ++i)
    check_close(names[i], outcome.grads[i], *expected[i], k + double(s.batch * s.length), 16,
                double(std::numeric_limits<T>::epsilon()), cancelled[i]);
}

}  // namespace

TEST_CASE("the fused TCN block agrees with plain loops", "[cuda][tcn_block]") {
  const TcnBlockShape shapes[] = {
      {1, 1, 10, 520, 8, 1}, {2, 10, 10, 520, 8, 2}, {1, 10, 10, 520, 8, 16}, {1, 10, 10, 520, 8, 128},
      {3, 3, 5, 17, 3, 2},   {1, 1, 1, 1, 1, 1},     {2, 4, 4, 7, 8, 1},      {1, 5, 5, 9, 2, 20},
      {2, 7, 7, 65, 4, 3},   {1, 17, 16, 200, 3, 1}, {1, 6, 13, 130, 5, 7},   {2, 8, 3, 64, 9, 8},
      {300, 2, 2, 3, 2, 1},
  };
  for (const TcnBlockShape& s : shapes) {
    check_block<float>(s, Path::chosen);
    check_block<double>(s, Path::chosen);
  }
}

TEST_CASE("the general TCN block agrees with plain loops", "[cuda][tcn_block]") {
  const TcnBlockShape shapes[] = {
      {2, 3, 5, 17, 3, 2}, {1, 10, 10, 70, 8, 4}, {1, 1, 1, 1, 1, 1},
      {2, 4, 4, 7, 8, 9},  {3, 70, 66, 30, 2, 3}, {3, 2, 2, 2000, 2, 1},
  };
  for (const TcnBlockShape& s : shapes) {
    check_block<float>(s, Path::general);
    check_block<double>(s, Path::general);
  }
  check_block<float>({1, 130, 130, 20, 3, 1}, Path::chosen);
  check_block<float>({2, 40, 40, 40, 8, 2}, Path::chosen);
}

TEST_CASE("the TCN block leaves dx out where it is not wanted", "[cuda][tcn_block]") {
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

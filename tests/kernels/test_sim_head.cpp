// Tests the SIM head and the products beneath it against plain loops in double.
#include "kernels/sim_head/sim_head.h"

#include <cmath>
#include <limits>
#include <random>

#include "engine/cases/sim_head_oracle.h"
#include "kernels/gemm/gemm.h"
#include "kernels/host/pool.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

using kernels::Activation;
using kernels::SimHeadGrads;
using kernels::SimHeadLayer;
using kernels::width_of;
using Index = std::int64_t;
using Doubles = oracle::Values;

template <class T>
Array array_of(std::vector<T>& v) {
  return {v.data(), Index(v.size()), dtype_of<T>(), Device::cpu};
}

struct Spec {
  Index in, out;
  Activation activation;
  bool bias = true, train = true;
};

// A chain with its inputs in T. Every value is a T, so that the oracle reads the same numbers.
template <class T>
struct Chain {
  Chain(Index positions, std::vector<Spec> layers, unsigned seed) : n(positions), specs(std::move(layers)) {
    std::mt19937 random(seed);
    const auto draw = [&](Index count, double size) {
      std::uniform_real_distribution<double> uniform(-size, size);
      std::vector<T> values;
      for (Index i = 0; i < count; ++i) values.push_back(T(uniform(random)));
      return values;
    };
    for (const Spec& s : specs) {
      w.push_back(draw(s.in * s.out, 1.7 / std::sqrt(double(s.in))));
      b.push_back(draw(s.bias ? s.out : 0, 0.5));
    }
    x = draw(n * specs.front().in, 1);
    if (!x.empty()) x[x.size() / 2] = T(0);
    dy = draw(n * width(specs.size() - 1), 1);
  }
  Index width(std::size_t l) const {
    return specs[l].activation == Activation::fourier ? 2 * specs[l].out : specs[l].out;
  }
  std::vector<SimHeadLayer> layers() {
    std::vector<SimHeadLayer> list;
    for (std::size_t l = 0; l < specs.size(); ++l)
      list.push_back({specs[l].in, specs[l].out, specs[l].activation, array_of(w[l]),
                      specs[l].bias ? array_of(b[l]) : Array{}, specs[l].train});
    return list;
  }

  Index n;
  std::vector<Spec> specs;
  std::vector<std::vector<T>> w, b;
  std::vector<T> x, dy;
};

template <class T>
struct Result {
  std::vector<T> y, dx;
  std::vector<std::vector<T>> dw, db;
  bool operator==(const Result&) const = default;
};

// Outputs start as a value that no gradient has, so that an element left unwritten is noticed.
constexpr int untouched = 77;

template <class T>
Result<T> run(Chain<T>& c, bool want_dx = true) {
  const std::vector<SimHeadLayer> layers = c.layers();
  Result<T> r;
  r.y.assign(std::size_t(c.n * width_of(layers.back())), T(untouched));
  r.dx.assign(c.x.size(), T(untouched));
  SimHeadGrads grads{want_dx ? array_of(r.dx) : Array{}, {}, {}};
  for (std::size_t l = 0; l < layers.size(); ++l) {
    r.dw.emplace_back(c.w[l].size(), T(untouched));
    r.db.emplace_back(c.b[l].size(), T(untouched));
  }
  for (std::size_t l = 0; l < layers.size(); ++l) {
    grads.dw.push_back(array_of(r.dw[l]));
    grads.db.push_back(c.specs[l].bias ? array_of(r.db[l]) : Array{});
  }
  std::vector<T> saved(std::size_t(kernels::sim_head_saved_size(c.n, layers, Device::cpu)), T(untouched));
  kernels::sim_head_forward(c.n, layers, array_of(c.x), array_of(r.y), array_of(saved));
  kernels::sim_head_backward(c.n, layers, array_of(c.x), array_of(r.y), array_of(saved), array_of(c.dy),
                             grads);
  return r;
}

template <class T>
oracle::SimHeadLayer oracle_of(const Chain<T>& c, std::size_t l) {
  const Spec& s = c.specs[l];
  return {s.in, s.out, s.activation, Doubles(c.w[l].begin(), c.w[l].end()),
          Doubles(c.b[l].begin(), c.b[l].end())};
}

// Returns x and the layers' outputs.
template <class T>
std::vector<Doubles> trace(const Chain<T>& c) {
  std::vector<Doubles> z{Doubles(c.x.begin(), c.x.end())};
  for (std::size_t l = 0; l < c.specs.size(); ++l) z.push_back(oracle_of(c, l)(z[l]));
  return z;
}

// The oracle's gradients per layer, and the sums of their terms' magnitudes.
struct Oracle {
  Doubles y;
  std::vector<oracle::SimHeadLayerGradients> gradients, sizes;
};

Doubles magnitudes(Doubles values, double more = 0) {
  for (double& v : values) v = std::abs(v) + more;
  return values;
}

// Returns an output of a layer that lets every term of a gradient pass with its largest factor.
Doubles open_output(const oracle::SimHeadLayer& layer, std::size_t size) {
  Doubles z(size, 1.0);
  const std::size_t m = std::size_t(layer.out);
  if (layer.activation == Activation::fourier)
    for (std::size_t i = 0; i < size; ++i) z[i] = (i % (2 * m) < m ? 1 : -1) * std::sqrt(1.0 / double(m));
  return z;
}

template <class T>
Oracle oracle_of(const Chain<T>& c) {
  const std::vector<Doubles> z = trace(c);
  Oracle r{z.back(), {}, {}};
  r.gradients.resize(c.specs.size());
  r.sizes.resize(c.specs.size());
  Doubles g(c.dy.begin(), c.dy.end()), size = magnitudes(g);
  for (std::size_t l = c.specs.size(); l-- > 0;) {
    oracle::SimHeadLayer layer = oracle_of(c, l);
    r.gradients[l] = layer.gradients(z[l], layer.inner_gradient(z[l + 1], g));
    layer.w = magnitudes(layer.w);
    // z itself is rounded, from terms near 1.
    r.sizes[l] =
        layer.gradients(magnitudes(z[l], 1), layer.inner_gradient(open_output(layer, z[l + 1].size()), size));
    g = r.gradients[l].din;
    size = r.sizes[l].din;
  }
  return r;
}

// |value - expected| <= c eps size, with the size of the terms; returns the largest ratio c.
template <class T>
double worst(const std::vector<T>& value, const Doubles& expected, const Doubles& size, double floor = 1e-3) {
  REQUIRE(value.size() == expected.size());
  double ratio = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    REQUIRE(std::isfinite(double(value[i])));
    const double unit = double(std::numeric_limits<T>::epsilon()) * (size[i] + floor);
    ratio = std::max(ratio, std::abs(double(value[i]) - expected[i]) / unit);
  }
  return ratio;
}

// Returns whether a p lies so near to the kink of ReLU that float and double may fall on different sides.
template <class T>
bool near_kink(const Chain<T>& c) {
  const std::vector<Doubles> z = trace(c);
  for (std::size_t l = 0; l < c.specs.size(); ++l) {
    if (c.specs[l].activation != Activation::relu) continue;
    for (double p : oracle_of(c, l).product(z[l]))
      if (std::abs(p) < 64 * double(std::numeric_limits<T>::epsilon())) return true;
  }
  return false;
}

template <class T>
void check_chain(Index n, const std::vector<Spec>& specs, unsigned seed = 1) {
  Chain<T> c(n, specs, seed);
  while (near_kink(c)) c = Chain<T>(n, specs, ++seed);
  const Result<T> r = run(c);
  const Oracle expected = oracle_of(c);
  CAPTURE(n, specs.size(), sizeof(T), seed);
  const Doubles ones(expected.y.size(), 4.0);
  CHECK(worst(r.y, expected.y, ones) < 32);
  CHECK(worst(r.dx, expected.gradients[0].din, expected.sizes[0].din) < 16);
  for (std::size_t l = 0; l < specs.size(); ++l) {
    CAPTURE(l);
    if (!specs[l].train) {
      for (T v : r.dw[l]) REQUIRE(v == T(untouched));
      for (T v : r.db[l]) REQUIRE(v == T(untouched));
      continue;
    }
    CHECK(worst(r.dw[l], expected.gradients[l].dw, expected.sizes[l].dw) < 16);
    if (specs[l].bias) CHECK(worst(r.db[l], expected.gradients[l].db, expected.sizes[l].db) < 16);
  }
}

constexpr Activation id = Activation::identity, relu = Activation::relu, fourier = Activation::fourier;

const std::vector<std::vector<Spec>> chains{
    {{10, 32, relu}, {32, 32, relu}, {32, 10, id}},
    {{10, 16, fourier, false, false}, {32, 32, relu}, {32, 10, id}},
    {{3, 2, id, false}, {2, 65, relu, false}, {65, 1, relu}},
    {{1, 31, relu}, {31, 7, fourier}, {14, 64, relu}, {64, 3, id}},
    {{2, 10, fourier}},
    {{2, 5, relu}, {5, 33, fourier, false}},
    {{2, 257, relu},
     {257, 3, id, true, false},
     {3, 31, relu},
     {31, 64, relu, false},
     {64, 65, relu},
     {65, 2, id}},
    {{65, 1, id}},
};

}  // namespace

TEMPLATE_TEST_CASE("the SIM head and its gradients equal plain loops", "[sim_head]", float, double) {
  for (Index n : {Index(1), Index(7), Index(64), Index(129), Index(1000)})
    for (const std::vector<Spec>& specs : chains) check_chain<TestType>(n, specs);
}

TEMPLATE_TEST_CASE("every pair of widths goes through the SIM head", "[sim_head]", float, double) {
  const std::vector<Index> widths{1, 2, 3, 10, 31, 32, 64, 65, 257};
  for (Index in : widths)
    for (Index out : widths) {
      check_chain<TestType>(7, {{in, out, relu}, {out, 3, id}}, unsigned(in * 300 + out));
      check_chain<TestType>(13, {{in, out, fourier}, {2 * out, 2, relu}}, unsigned(in * 300 + out));
    }
}

TEST_CASE("gradients of the SIM head equal central differences", "[sim_head]") {
  Chain<double> c(9, {{3, 5, fourier}, {10, 7, relu}, {7, 6, fourier, false}, {12, 4, id}}, 5);
  const Result<double> r = run(c);
  const auto loss = [&] {
    const Doubles y = trace(c).back();
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) sum += y[i] * c.dy[i];
    return sum;
  };
  const auto check = [&](std::vector<double>& values, const std::vector<double>& gradient) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double before = values[i], h = 1e-6;
      values[i] = before + h;
      const double up = loss();
      values[i] = before - h;
      const double down = loss();
      values[i] = before;
      CHECK(gradient[i] == Approx((up - down) / (2 * h)).margin(1e-7));
    }
  };
  check(c.x, r.dx);
  for (std::size_t l = 0; l < c.specs.size(); ++l) {
    check(c.w[l], r.dw[l]);
    check(c.b[l], r.db[l]);
  }
}

TEMPLATE_TEST_CASE("the SIM head gives the same bits with any number of threads", "[sim_head]", float,
                   double) {
  const int before = kernels::thread_count();
  for (Index n : {Index(520), Index(7001)}) {
    for (const Index width : {Index(32), Index(65)}) {
      Chain<TestType> c(n, {{10, 16, fourier}, {32, width, relu}, {width, 65, relu}, {65, 10, id}}, 3);
      kernels::set_thread_count(1);
      const Result<TestType> one = run(c);
      for (int threads : {2, 3}) {
        kernels::set_thread_count(threads);
        CHECK(run(c) == one);
      }
    }
  }
  kernels::set_thread_count(before);
}

namespace {

// Returns |value - expected| / |expected|, of all elements together.
double distance(const std::vector<float>& value, const Doubles& expected) {
  REQUIRE(value.size() == expected.size());
  double apart = 0, size = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    apart += (double(value[i]) - expected[i]) * (double(value[i]) - expected[i]);
    size += expected[i] * expected[i];
  }
  return std::sqrt(apart / size);
}

}  // namespace

TEST_CASE("a wide SIM head in bf16 stays near plain loops, with the same bits for any threads",
          "[sim_head]") {
  if (!kernels::cpu_has_bf16()) return;
  const kernels::ScopedPrecision bf16(kernels::Precision::bf16);
  const std::vector<std::vector<Spec>> wide{
      {{2, 128, relu}, {128, 67, relu}, {67, 3, id}},
      {{2, 65, fourier, false, false}, {130, 96, relu}, {96, 5, relu, false}},
      {{33, 80, relu}, {80, 70, fourier}, {140, 40, id, false}, {40, 6, id}},
      {{17, 66, fourier}},
  };
  const int before = kernels::thread_count();
  for (const Index n : {Index(1), Index(130), Index(2077)})
    for (const std::vector<Spec>& specs : wide) {
      Chain<float> c(n, specs, 4);
      const Result<float> r = run(c);
      const Oracle expected = oracle_of(c);
      CAPTURE(n, specs.size(), specs[0].in);
      CHECK(distance(r.y, expected.y) < 0.02);
      CHECK(distance(r.dx, expected.gradients[0].din) < 0.05);
      for (std::size_t l = 0; l < specs.size(); ++l) {
        CAPTURE(l);
        if (!specs[l].train) continue;
        CHECK(distance(r.dw[l], expected.gradients[l].dw) < 0.05);
        if (specs[l].bias) CHECK(distance(r.db[l], expected.gradients[l].db) < 0.05);
      }
      kernels::set_thread_count(3);
      CHECK(run(c) == r);
      kernels::set_thread_count(before);
    }
}

TEMPLATE_TEST_CASE("inference and partial gradients give the same values", "[sim_head]", float, double) {
  using T = TestType;
  Chain<T> c(131, {{10, 33, relu}, {33, 16, fourier}, {32, 5, relu}}, 11);
  const Result<T> full = run(c);
  const std::vector<SimHeadLayer> layers = c.layers();
  std::vector<T> y(full.y.size(), T(untouched));
  kernels::sim_head_forward(c.n, layers, array_of(c.x), array_of(y), {});
  CHECK(y == full.y);

  const Result<T> without = run(c, false);
  CHECK(without.dw == full.dw);
  CHECK(without.db == full.db);
  for (T v : without.dx) REQUIRE(v == T(untouched));

  std::vector<T> saved(std::size_t(kernels::sim_head_saved_size(c.n, layers, Device::cpu)));
  std::vector<T> dx(full.dx.size()), dw(full.dw[1].size());
  kernels::sim_head_forward(c.n, layers, array_of(c.x), array_of(y), array_of(saved));
  const auto backward = [&](const SimHeadGrads& grads) {
    kernels::sim_head_backward(c.n, layers, array_of(c.x), array_of(y), array_of(saved), array_of(c.dy),
                               grads);
  };
  backward({array_of(dx), {{}, {}, {}}, {{}, {}, {}}});
  CHECK(dx == full.dx);
  backward({{}, {{}, array_of(dw), {}}, {{}, {}, {}}});
  CHECK(dw == full.dw[1]);
  backward({{}, {{}, {}, {}}, {{}, {}, {}}});
}

TEMPLATE_TEST_CASE("a NaN passes through the SIM head's ReLU", "[sim_head]", float, double) {
  Chain<TestType> c(100, {{10, 32, relu}, {32, 32, relu}, {32, 10, id}}, 2);
  c.x[57 * 10 + 3] = std::numeric_limits<TestType>::quiet_NaN();
  const Result<TestType> r = run(c);
  for (Index i = 0; i < c.n; ++i)
    for (Index o = 0; o < 10; ++o) REQUIRE(std::isnan(r.y[std::size_t(i * 10 + o)]) == (i == 57));
}

TEST_CASE("no positions give no output and zero weight gradients", "[sim_head]") {
  Chain<float> c(0, {{10, 32, relu}, {32, 3, id}}, 2);
  const Result<float> r = run(c);
  CHECK(r.y.empty());
  for (const auto& list : {r.dw, r.db})
    for (const auto& g : list) CHECK(g == std::vector<float>(g.size(), 0.0f));
}

}  // namespace stillpoint

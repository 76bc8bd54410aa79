// Tests the TCN block on the CPU against plain loops, golden numbers, finite differences, and itself with
// other numbers of threads.
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/cases/tcn_block_oracle.h"
#include "kernels/host/pool.h"
#include "kernels/tcn_block/tcn_block.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

using kernels::TcnBlockShape;
using kernels::TcnBlockWeights;
using oracle::Values;

template <class T>
Array array_of(std::vector<T>& v) {
  return {v.empty() ? nullptr : v.data(), Index(v.size()), dtype_of<T>(), Device::cpu};
}

// Every element starts as NaN, so that an element that a kernel leaves out is noticed.
template <class T>
std::vector<T> unset(Index size) {
  return std::vector<T>(std::size_t(size), std::numeric_limits<T>::quiet_NaN());
}

template <class T>
using Weights = oracle::TcnBlockParams<T>;
template <class T>
TcnBlockWeights arrays_of(Weights<T>& w) {
  return {array_of(w.v1), array_of(w.g1), array_of(w.b1),     array_of(w.v2),
          array_of(w.g2), array_of(w.b2), array_of(w.down_w), array_of(w.down_b)};
}

template <class T>
Weights<T> unset_weights(const TcnBlockShape& s) {
  const Index down = s.in_channels == s.channels ? 0 : s.channels;
  return {unset<T>(s.channels * s.in_channels * s.taps),
          unset<T>(s.channels),
          unset<T>(s.channels),
          unset<T>(s.channels * s.channels * s.taps),
          unset<T>(s.channels),
          unset<T>(s.channels),
          unset<T>(down * s.in_channels),
          unset<T>(down)};
}

// Holds a block with everything that it reads and writes.
template <class T>
struct Block {
  TcnBlockShape s;
  Weights<T> w, dw;
  std::vector<T> x, a, h, y, dy, dx;

  explicit Block(const TcnBlockShape& shape)
      : s(shape),
        w(unset_weights<T>(s)),
        dw(unset_weights<T>(s)),
        x(unset<T>(s.batch * s.in_channels * s.length)) {
    a = h = y = dy = unset<T>(s.batch * s.channels * s.length);
    dx = unset<T>(Index(x.size()));
    std::mt19937_64 random(std::uint64_t(s.batch + 10 * s.channels + 100 * s.length + 1000 * s.taps));
    std::vector<std::vector<T>*> inputs = w.all();
    inputs.insert(inputs.end(), {&x, &dy});
    for (std::vector<T>* values : inputs)
      for (T& value : *values) value = T(std::uniform_real_distribution<double>(-1, 1)(random));
  }
  void forward() {
    kernels::tcn_block_forward(s, arrays_of(w), array_of(x), array_of(a), array_of(h), array_of(y));
  }
  void backward(bool with_dx = true) {
    kernels::tcn_block_backward(s, arrays_of(w), array_of(x), {array_of(a), array_of(h)}, array_of(y),
                                array_of(dy), with_dx ? array_of(dx) : Array{}, arrays_of(dw));
  }
  std::vector<std::vector<T>*> outputs() {
    std::vector<std::vector<T>*> all = dw.all();
    all.insert(all.end(), {&a, &h, &y, &dx});
    return all;
  }
};

Values in_double(const auto& values) { return {values.begin(), values.end()}; }

double largest(const Values& v) {
  double out = 0;
  for (double value : v) out = std::max(out, std::abs(value));
  return out;
}

// Checks that errors relative to the largest element are at most 16 eps sqrt(k), with k the length of the
// longest chain of sums.
template <class T>
void check_close(const std::vector<T>& given, const Values& expected, Index k, double scale) {
  REQUIRE(given.size() == expected.size());
  const double tolerance = 16 * double(std::numeric_limits<T>::epsilon()) * std::sqrt(double(k)) * scale;
  double error = 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const double difference = std::abs(double(given[i]) - expected[i]);
    error = difference <= error ? error : difference;  // keeps a NaN
  }
  CHECK(error <= tolerance);
}

template <class T>
void check_against_oracle(const TcnBlockShape& s) {
  CAPTURE(s.batch, s.in_channels, s.channels, s.length, s.taps, s.dilation, name_of(dtype_of<T>()));
  Block<T> block(s);
  block.forward();
  Weights<double> w;
  for (std::size_t i = 0; i < w.all().size(); ++i) *w.all()[i] = in_double(*block.w.all()[i]);
  const Values x = in_double(block.x);
  const oracle::TcnBlockOutputs out = oracle::tcn_block(s, w, x);
  const Index chain = (s.in_channels + 2 * s.channels) * s.taps;
  check_close(block.a, out.a, chain, 1 + largest(out.a));
  check_close(block.h, out.h, chain, 1 + largest(out.h));
  check_close(block.y, out.y, chain, 1 + largest(out.y));

  block.backward();
  Values dx;
  Weights<double> gradients = oracle::tcn_block_gradients(
      s, w, x, {in_double(block.a), in_double(block.h), in_double(block.y)}, in_double(block.dy), dx);
  check_close(block.dx, dx, chain, 1 + largest(dx));
  const std::vector<std::vector<T>*> given = block.dw.all();
  const std::vector<Values*> expected = gradients.all();
  for (std::size_t i = 0; i < given.size(); ++i) {
    CAPTURE(i);
    check_close(*given[i], *expected[i], s.batch * s.length + chain, 1 + largest(*expected[i]));
  }
}

// Odd shapes: a length of 1, lengths below the reach, lengths that are no multiple of a vector; a
// down-sampling map if in_channels != channels; tiles of every size; more samples than groups of partial
// sums.
const TcnBlockShape shapes[] = {
    {1, 1, 1, 1, 1, 1},     {2, 3, 3, 1, 8, 2},       {3, 1, 10, 13, 8, 1},   {1, 1, 10, 520, 8, 1},
    {1, 10, 10, 520, 8, 2}, {2, 10, 10, 300, 8, 128}, {11, 5, 3, 33, 2, 2},   {3, 7, 5, 40, 8, 1},
    {2, 17, 17, 37, 8, 2},  {1, 5, 17, 100, 2, 128},  {2, 10, 7, 64, 1, 1},   {70, 3, 7, 21, 2, 1},
    {5, 2, 4, 17, 3, 6},    {1, 6, 1, 250, 8, 128},   {3, 17, 10, 31, 2, 30}, {130, 1, 1, 8, 2, 1},
};

struct ThreadCount {
  int before = kernels::thread_count();
  explicit ThreadCount(int n) { kernels::set_thread_count(n); }
  ~ThreadCount() { kernels::set_thread_count(before); }
};

}  // namespace

TEST_CASE("TCN block: forward and backward agree with plain loops") {
  for (const TcnBlockShape& s : shapes) {
    check_against_oracle<float>(s);
    check_against_oracle<double>(s);
  }
}

TEST_CASE("TCN block: golden numbers of an independent model") {
  Block<double> b({1, 1, 2, 7, 3, 2});
  for (std::size_t i = 0; i < b.w.v1.size(); ++i) b.w.v1[i] = .5 * std::sin(.4 * double(i + 1));
  for (std::size_t i = 0; i < b.w.v2.size(); ++i) b.w.v2[i] = .5 * std::sin(.3 * double(i + 1));
  b.w.g1 = {1, .5};
  b.w.b1 = {.1, -.1};
  b.w.g2 = {.8, 1.2};
  b.w.b2 = {0, .2};
  b.w.down_w = {.3, -.2};
  b.w.down_b = {.05, .02};
  b.x = {1, 2, 0, 3, 0, 9, 9};
  b.forward();
  const Values expected = {.6720235,  1.30183327, .59439814, 3.05370183, .66311593,  8.70563262, 6.05876205,
                           .31145241, .32100747,  .93312895, 1.51458273, 1.40154582, 4.09913103, 1.19560019};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(b.y[i] - expected[i]) < 1e-8);
}

TEST_CASE("TCN block: every gradient is that of finite differences") {
  for (const TcnBlockShape& s : {TcnBlockShape{2, 3, 4, 9, 3, 2}, TcnBlockShape{3, 3, 3, 10, 2, 3}}) {
    Block<double> b(s);
    b.forward();
    b.backward();
    const auto loss = [&] {
      b.forward();
      double total = 0;
      for (std::size_t i = 0; i < b.y.size(); ++i) total += b.y[i] * b.dy[i];
      return total;
    };
    std::vector<Values*> inputs = b.w.all(), gradients = b.dw.all();
    inputs.push_back(&b.x);
    gradients.push_back(&b.dx);
    for (std::size_t p = 0; p < inputs.size(); ++p)
      for (std::size_t i = 0; i < inputs[p]->size(); ++i) {
        double& value = (*inputs[p])[i];
        const double kept = value, step = 1e-6;
        value = kept + step;
        const double above = loss();
        value = kept - step;
        const double slope = (above - loss()) / (2 * step);
        value = kept;
        CAPTURE(p, i);
        CHECK(std::abs((*gradients[p])[i] - slope) < 1e-7 * (1 + std::abs(slope)));
      }
  }
}

TEST_CASE("TCN block: results do not depend on the number of threads") {
  const TcnBlockShape parallel[] = {{1, 10, 10, 130, 8, 8}, {1, 1, 10, 520, 8, 1}, {3, 7, 7, 150, 8, 16},
                                    {11, 3, 17, 45, 8, 2},  {70, 7, 7, 61, 3, 4},  {2, 10, 10, 100, 8, 128}};
  for (const TcnBlockShape& s : parallel) {
    Block<float> one(s);
    {
      const ThreadCount threads(1);
      one.forward();
      one.backward();
    }
    for (int count : {2, 3, 5}) {
      CAPTURE(s.batch, s.in_channels, s.channels, s.length, count);
      const ThreadCount threads(count);
      Block<float> many(s);
      many.forward();
      many.backward();
      const auto expected = one.outputs(), given = many.outputs();
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(*expected[i] == *given[i]);
    }
  }
}

TEST_CASE("TCN block: an output sees no later input, and a gradient no earlier one") {
  const TcnBlockShape s{1, 4, 4, 50, 3, 2};
  const Index change = 23;
  Block<float> before(s), after(s);
  for (Index c = 0; c < s.channels; ++c) after.x[std::size_t(c * s.length + change)] += 5;
  before.forward();
  after.forward();
  for (Index i = 0; i < s.channels * s.length; ++i)
    if (i % s.length < change) CHECK(before.y[std::size_t(i)] == after.y[std::size_t(i)]);
  CHECK(before.y != after.y);

  after = before;
  for (Index c = 0; c < s.channels; ++c) after.dy[std::size_t(c * s.length + change)] += 5;
  before.backward();
  after.backward();
  for (Index i = 0; i < s.channels * s.length; ++i)
    if (i % s.length > change) CHECK(before.dx[std::size_t(i)] == after.dx[std::size_t(i)]);
  CHECK(before.dx != after.dx);
}

TEST_CASE("TCN block: dx may be left out") {
  Block<float> with({2, 1, 10, 60, 8, 4}), without({2, 1, 10, 60, 8, 4});
  for (Block<float>* b : {&with, &without}) b->forward();
  with.backward();
  without.backward(false);
  for (std::size_t i = 0; i < with.dw.all().size(); ++i) CHECK(*with.dw.all()[i] == *without.dw.all()[i]);
}

TEST_CASE("TCN block: no positions give no outputs and zero gradients") {
  for (const TcnBlockShape& s : {TcnBlockShape{0, 2, 3, 5, 2, 1}, TcnBlockShape{4, 2, 3, 0, 2, 1}}) {
    Block<double> b(s);
    b.forward();
    b.backward();
    for (const Values* g : b.dw.all())
      for (double value : *g) CHECK(value == 0);
  }
}

}  // namespace stillpoint

// The tests' TCN block: its arrays under one name, and its oracle in plain loops over doubles.
#pragma once
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "kernels/tcn_block/tcn_block.h"

namespace stillpoint::tcn_test {

using kernels::TcnBlockShape;
using kernels::TcnBlockWeights;
using Index = std::int64_t;

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
struct Weights {
  std::vector<T> v1, g1, b1, v2, g2, b2, down_w, down_b;

  std::vector<std::vector<T>*> all() { return {&v1, &g1, &b1, &v2, &g2, &b2, &down_w, &down_b}; }
  TcnBlockWeights arrays() {
    return {array_of(v1), array_of(g1), array_of(b1),     array_of(v2),
            array_of(g2), array_of(b2), array_of(down_w), array_of(down_b)};
  }
};

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
    kernels::tcn_block_forward(s, w.arrays(), array_of(x), array_of(a), array_of(h), array_of(y));
  }
  void backward(bool with_dx = true) {
    kernels::tcn_block_backward(s, w.arrays(), array_of(x), {array_of(a), array_of(h)}, array_of(y),
                                array_of(dy), with_dx ? array_of(dx) : Array{}, dw.arrays());
  }
  std::vector<std::vector<T>*> outputs() {
    std::vector<std::vector<T>*> all = dw.all();
    all.insert(all.end(), {&a, &h, &y, &dx});
    return all;
  }
  Block<double> in_double() {
    Block<double> copy(s);
    const auto from = everything();
    const auto to = copy.everything();
    for (std::size_t i = 0; i < from.size(); ++i) to[i]->assign(from[i]->begin(), from[i]->end());
    return copy;
  }
  std::vector<std::vector<T>*> everything() {
    std::vector<std::vector<T>*> all = outputs();
    for (std::vector<T>* v : w.all()) all.push_back(v);
    all.insert(all.end(), {&x, &dy});
    return all;
  }
};

using Values = std::vector<double>;

// Returns the oracle's weights after weight norm, in rows of n.
inline Values normalised(const Values& v, const Values& gain) {
  const std::size_t n = v.size() / gain.size();
  Values w = v;
  for (std::size_t o = 0; o < gain.size(); ++o) {
    double squares = 0;
    for (std::size_t i = 0; i < n; ++i) squares += v[o * n + i] * v[o * n + i];
    for (std::size_t i = 0; i < n; ++i) w[o * n + i] *= gain[o] / std::sqrt(squares);
  }
  return w;
}

// Calls visit(weight index, output index, input index) for every product of a convolution with `in` inputs.
template <class Visit>
void each_product(const TcnBlockShape& s, Index in, Visit visit) {
  for (Index n = 0; n < s.batch; ++n)
    for (Index o = 0; o < s.channels; ++o)
      for (Index c = 0; c < in; ++c)
        for (Index j = 0; j < s.taps; ++j)
          for (Index t = 0; t < s.length; ++t) {
            const Index from = t - (s.taps - 1 - j) * s.dilation;
            if (from < 0) continue;
            visit(std::size_t((o * in + c) * s.taps + j), std::size_t((n * s.channels + o) * s.length + t),
                  std::size_t((n * in + c) * s.length + from));
          }
}

inline Values biased(const TcnBlockShape& s, const Values& bias) {
  Values out;
  for (Index row = 0; row < s.batch * s.channels; ++row)
    out.insert(out.end(), std::size_t(s.length), bias[std::size_t(row % s.channels)]);
  return out;
}

inline void oracle_forward(Block<double>& b) {
  const Values w1 = normalised(b.w.v1, b.w.g1), w2 = normalised(b.w.v2, b.w.g2);
  b.a = biased(b.s, b.w.b1);
  each_product(b.s, b.s.in_channels,
               [&](std::size_t w, std::size_t out, std::size_t in) { b.a[out] += w1[w] * b.x[in]; });
  for (double& value : b.a) value = std::max(value, 0.0);
  b.h = biased(b.s, b.w.b2);
  each_product(b.s, b.s.channels,
               [&](std::size_t w, std::size_t out, std::size_t in) { b.h[out] += w2[w] * b.a[in]; });
  for (double& value : b.h) value = std::max(value, 0.0);
  Values r = b.x;
  if (!b.w.down_w.empty()) {
    r = biased(b.s, b.w.down_b);
    TcnBlockShape pointwise = b.s;
    pointwise.taps = 1;
    each_product(pointwise, b.s.in_channels,
                 [&](std::size_t w, std::size_t out, std::size_t in) { r[out] += b.w.down_w[w] * b.x[in]; });
  }
  for (std::size_t i = 0; i < r.size(); ++i) b.y[i] = std::max(b.h[i] + r[i], 0.0);
}

// Computes the gradients of v and gain from the gradients of the normalised weights.
inline void oracle_norm(const Values& dw, const Values& v, const Values& gain, Values& dv, Values& dgain) {
  const std::size_t n = v.size() / gain.size();
  for (std::size_t o = 0; o < gain.size(); ++o) {
    double squares = 0, inner = 0;
    for (std::size_t i = o * n; i < (o + 1) * n; ++i) squares += v[i] * v[i], inner += dw[i] * v[i];
    dgain[o] = inner / std::sqrt(squares);
    for (std::size_t i = o * n; i < (o + 1) * n; ++i)
      dv[i] = gain[o] / std::sqrt(squares) * (dw[i] - v[i] * inner / squares);
  }
}

inline Values channel_sums(const TcnBlockShape& s, const Values& g) {
  Values sums(std::size_t(s.channels), 0.0);
  for (std::size_t i = 0; i < g.size(); ++i)
    sums[i / std::size_t(s.length) % std::size_t(s.channels)] += g[i];
  return sums;
}

// Reads a, h and y from the block, as the kernel does.
inline void oracle_backward(Block<double>& b) {
  const Values w1 = normalised(b.w.v1, b.w.g1), w2 = normalised(b.w.v2, b.w.g2);
  Values r = b.dy, g1(b.a.size(), 0.0), dw1(w1.size(), 0.0), dw2(w2.size(), 0.0);
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = b.y[i] > 0 ? r[i] : 0;
  Values g2 = r;
  for (std::size_t i = 0; i < r.size(); ++i) g2[i] = b.h[i] > 0 ? g2[i] : 0;
  each_product(b.s, b.s.channels, [&](std::size_t w, std::size_t out, std::size_t in) {
    g1[in] += w2[w] * g2[out];
    dw2[w] += b.a[in] * g2[out];
  });
  for (std::size_t i = 0; i < g1.size(); ++i) g1[i] = b.a[i] > 0 ? g1[i] : 0;
  b.dx.assign(b.dx.size(), 0.0);
  if (b.w.down_w.empty()) b.dx = r;
  each_product(b.s, b.s.in_channels, [&](std::size_t w, std::size_t out, std::size_t in) {
    b.dx[in] += w1[w] * g1[out];
    dw1[w] += b.x[in] * g1[out];
  });
  oracle_norm(dw1, b.w.v1, b.w.g1, b.dw.v1, b.dw.g1);
  oracle_norm(dw2, b.w.v2, b.w.g2, b.dw.v2, b.dw.g2);
  b.dw.b1 = channel_sums(b.s, g1);
  b.dw.b2 = channel_sums(b.s, g2);
  if (b.w.down_w.empty()) return;
  b.dw.down_b = channel_sums(b.s, r);
  b.dw.down_w.assign(b.dw.down_w.size(), 0.0);
  TcnBlockShape pointwise = b.s;
  pointwise.taps = 1;
  each_product(pointwise, b.s.in_channels, [&](std::size_t w, std::size_t out, std::size_t in) {
    b.dx[in] += b.w.down_w[w] * r[out];
    b.dw.down_w[w] += b.x[in] * r[out];
  });
}

}  // namespace stillpoint::tcn_test

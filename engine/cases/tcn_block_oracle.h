// The TCN block in plain loops over doubles: the oracle of the op's case and of the kernels' tests.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/tcn_block/tcn_block.h"

namespace stillpoint::oracle {

using Values = std::vector<double>;
using kernels::TcnBlockShape;  // a convolution has shape.channels outputs; its inputs are given beside it

// Calls visit(weight index, output index, input index) for every product of a convolution with `in` inputs.
template <class Visit>
void each_product(const TcnBlockShape& s, Index in, Visit visit) {
  for (Index n = 0; n < s.batch; ++n)
    for (Index o = 0; o < s.channels; ++o)
      for (Index c = 0; c < in; ++c)
        for (Index j = 0; j < s.taps; ++j)
          for (Index t = (s.taps - 1 - j) * s.dilation; t < s.length; ++t)
            visit(std::size_t((o * in + c) * s.taps + j), std::size_t((n * s.channels + o) * s.length + t),
                  std::size_t((n * in + c) * s.length + t - (s.taps - 1 - j) * s.dilation));
}

// y[n,o,t] = b[o] + sum_{c,j} w[o,c,j] x[n,c,t-(K-1-j)d], with b = 0 if `bias` is empty
inline Values convolved(const TcnBlockShape& s, Index in, const Values& x, const Values& w,
                        const Values& bias = {}) {
  Values y(std::size_t(s.batch * s.channels * s.length), 0.0);
  for (std::size_t i = 0; i < y.size() && !bias.empty(); ++i)
    y[i] = bias[i / std::size_t(s.length) % bias.size()];
  each_product(s, in, [&](std::size_t k, std::size_t to, std::size_t from) { y[to] += w[k] * x[from]; });
  return y;
}

inline double norm_of_row(const Values& v, std::size_t row, std::size_t size) {
  double squares = 0;
  for (std::size_t i = row * size; i < (row + 1) * size; ++i) squares += v[i] * v[i];
  return std::sqrt(squares);
}

// w_o = g_o v_o / ||v_o||
inline Values normalised(const Values& v, const Values& gain) {
  const std::size_t size = v.size() / gain.size();
  Values w = v;
  for (std::size_t i = 0; i < w.size(); ++i) w[i] *= gain[i / size] / norm_of_row(v, i / size, size);
  return w;
}

// Changes dw into the gradient of v, and returns that of the gain.
inline Values norm_adjoint(const Values& v, const Values& gain, Values& dw) {
  const std::size_t size = v.size() / gain.size();
  Values dgain;
  for (std::size_t o = 0; o < gain.size(); ++o) {
    const double norm = norm_of_row(v, o, size);
    double inner = 0;
    for (std::size_t i = o * size; i < (o + 1) * size; ++i) inner += dw[i] * v[i];
    for (std::size_t i = o * size; i < (o + 1) * size; ++i)
      dw[i] = gain[o] / norm * (dw[i] - v[i] * inner / (norm * norm));
    dgain.push_back(inner / norm);
  }
  return dgain;
}

inline Values rectified(Values x) {
  for (double& value : x) value = std::max(value, 0.0);
  return x;
}

// Returns g where y > 0, else 0.
inline Values passed(const Values& y, Values g) {
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = y[i] > 0 ? g[i] : 0;
  return g;
}

// Parameters or their gradients; down_w and down_b are empty if the block has no down-sampling map.
template <class T>
struct TcnBlockParams {
  std::vector<T> v1, g1, b1, v2, g2, b2, down_w, down_b;
  std::vector<std::vector<T>*> all() { return {&v1, &g1, &b1, &v2, &g2, &b2, &down_w, &down_b}; }
};

struct TcnBlockOutputs {
  Values a, h, y;
};

inline TcnBlockShape pointwise(TcnBlockShape s) {
  s.taps = 1;
  return s;
}

inline TcnBlockOutputs tcn_block(const TcnBlockShape& s, const TcnBlockParams<double>& p, const Values& x) {
  TcnBlockOutputs out;
  out.a = rectified(convolved(s, s.in_channels, x, normalised(p.v1, p.g1), p.b1));
  out.h = rectified(convolved(s, s.channels, out.a, normalised(p.v2, p.g2), p.b2));
  out.y = p.down_w.empty() ? x : convolved(pointwise(s), s.in_channels, x, p.down_w, p.down_b);
  for (std::size_t i = 0; i < out.y.size(); ++i) out.y[i] += out.h[i];
  out.y = rectified(out.y);
  return out;
}

// Adds a convolution's gradients, given that of its output, to dx, dw and db.
inline void adjoint(const TcnBlockShape& s, Index in, const Values& g, const Values& x, const Values& w,
                    Values& dx, Values& dw, Values& db) {
  dw.resize(w.size());
  db.resize(std::size_t(s.channels));
  for (std::size_t i = 0; i < g.size(); ++i) db[i / std::size_t(s.length) % db.size()] += g[i];
  each_product(s, in, [&](std::size_t k, std::size_t to, std::size_t from) {
    dw[k] += g[to] * x[from];
    dx[from] += g[to] * w[k];
  });
}

// Returns the gradients of the parameters, and sets dx. `out` gives the ReLUs' masks, as in the kernel.
inline TcnBlockParams<double> tcn_block_gradients(const TcnBlockShape& s, const TcnBlockParams<double>& p,
                                                  const Values& x, const TcnBlockOutputs& out,
                                                  const Values& dy, Values& dx) {
  TcnBlockParams<double> d;
  const Values dr = passed(out.y, dy);
  Values da(out.a.size(), 0.0);
  adjoint(s, s.channels, passed(out.h, dr), out.a, normalised(p.v2, p.g2), da, d.v2, d.b2);
  d.g2 = norm_adjoint(p.v2, p.g2, d.v2);
  dx = p.down_w.empty() ? dr : Values(x.size(), 0.0);
  if (!p.down_w.empty()) adjoint(pointwise(s), s.in_channels, dr, x, p.down_w, dx, d.down_w, d.down_b);
  adjoint(s, s.in_channels, passed(out.a, da), x, normalised(p.v1, p.g1), dx, d.v1, d.b1);
  d.g1 = norm_adjoint(p.v1, p.g1, d.v1);
  return d;
}

}  // namespace stillpoint::oracle

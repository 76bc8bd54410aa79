// A layer of the SIM head in plain loops over doubles: the oracle of the op's cases and of the kernels'
// tests.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/sim_head/sim_head.h"

namespace stillpoint::oracle {

using Values = std::vector<double>;
using kernels::Activation;

// p (rows,m) -> sqrt(1/m) [cos p, sin p]
inline Values lifted(const Values& p, Index m) {
  Values z(2 * p.size());
  for (std::size_t i = 0, size = std::size_t(m); i < p.size(); ++i) {
    const std::size_t cosine = i / size * 2 * size + i % size;
    z[cosine] = std::sqrt(1.0 / double(m)) * std::cos(p[i]);
    z[cosine + size] = std::sqrt(1.0 / double(m)) * std::sin(p[i]);
  }
  return z;
}

struct SimHeadLayerGradients {
  Values dw, db, din;
};

struct SimHeadLayer {
  Index in, out;
  Activation activation;
  Values w, b = {};  // (out,in), (out) or empty

  // x (rows,in) -> x W^T + b
  Values product(const Values& x) const {
    Values p(x.size() / std::size_t(in) * std::size_t(out));
    for (std::size_t i = 0; i < p.size(); ++i) {
      const std::size_t o = i % std::size_t(out);
      p[i] = b.empty() ? 0 : b[o];
      for (std::size_t c = 0, n = std::size_t(in); c < n; ++c)
        p[i] += w[o * n + c] * x[i / std::size_t(out) * n + c];
    }
    return p;
  }

  Values operator()(const Values& x) const {
    Values z = product(x);
    if (activation == Activation::fourier) return lifted(z, out);
    if (activation == Activation::relu)
      for (double& value : z) value = std::max(value, 0.0);
    return z;
  }

  // Returns the gradient of p = x W^T + b from the layer's output and that output's gradient.
  Values inner_gradient(const Values& z, const Values& dz) const {
    Values dp(activation == Activation::fourier ? z.size() / 2 : z.size());
    for (std::size_t i = 0, m = std::size_t(out); i < dp.size(); ++i) {
      const std::size_t cosine = i / m * 2 * m + i % m, sine = cosine + m;
      if (activation == Activation::fourier)
        dp[i] = z[cosine] * dz[sine] - z[sine] * dz[cosine];
      else
        dp[i] = activation == Activation::identity || z[i] > 0 ? dz[i] : 0;
    }
    return dp;
  }

  // `dp` is the gradient of p. `round` is applied to the products' operand dp, and `sum` to each sum of din.
  template <class Round, class Sum>
  SimHeadLayerGradients gradients(const Values& x, const Values& dp, Round round, Sum sum) const {
    SimHeadLayerGradients d{Values(w.size()), Values(std::size_t(out)), Values(x.size())};
    for (std::size_t i = 0, n = std::size_t(in); i < dp.size(); ++i) {
      const std::size_t o = i % std::size_t(out), row = i / std::size_t(out);
      const double g = round(dp[i]);
      d.db[o] += dp[i];
      for (std::size_t c = 0; c < n; ++c) {
        double& din = d.din[row * n + c];
        d.dw[o * n + c] += g * x[row * n + c];
        din = sum(din + g * w[o * n + c]);
      }
    }
    return d;
  }
  SimHeadLayerGradients gradients(const Values& x, const Values& dp) const {
    const auto same = [](double value) { return value; };
    return gradients(x, dp, same, same);
  }
};

}  // namespace stillpoint::oracle

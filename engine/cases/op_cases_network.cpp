// Op cases of lifts, convolutions, the fused blocks and the losses.
#include <array>
#include <cmath>

#include "engine/cases/op_cases.h"

namespace stillpoint {
namespace {

using Ts = std::vector<Tensor>;
using Vs = std::vector<Values>;
using Size = std::size_t;

// p (rows,m) -> sqrt(1/m) [cos p, sin p]
Values lifted(const Values& p, Size m) {
  Values y;
  for (Size r = 0; r < p.size() / m; ++r)
    for (int half = 0; half < 2; ++half)
      for (Size j = 0; j < m; ++j)
        y.push_back((half == 0 ? std::cos(p[r * m + j]) : std::sin(p[r * m + j])) / std::sqrt(double(m)));
  return y;
}

// x (rows,in), w (out,in) -> (rows,out)
Values product(const Values& x, const Values& w, Size in) {
  const Size rows = x.size() / in, out = w.size() / in;
  Values y(rows * out, 0.0);
  for (Size r = 0; r < rows; ++r)
    for (Size o = 0; o < out; ++o)
      for (Size i = 0; i < in; ++i) y[r * out + o] += x[r * in + i] * w[o * in + i];
  return y;
}

void add_row(Values& y, const Values& b) {
  for (Size i = 0; i < y.size(); ++i) y[i] += b[i % b.size()];
}

void clip_below(Values& y) {
  for (double& v : y) v = v > 0 ? v : 0;
}

struct ConvSizes {
  Size n, in, out, t, k, d;
};

// y[n,o,t] = sum_{c,j} w[o,c,j] x[n,c,t-(K-1-j)d]
Values convolved(const ConvSizes& s, const Values& x, const Values& w) {
  Values y(s.n * s.out * s.t, 0.0);
  for (Size n = 0; n < s.n; ++n)
    for (Size o = 0; o < s.out; ++o)
      for (Size t = 0; t < s.t; ++t)
        for (Size c = 0; c < s.in; ++c)
          for (Size j = 0; j < s.k; ++j) {
            const Size back = (s.k - 1 - j) * s.d;
            if (back <= t)
              y[(n * s.out + o) * s.t + t] +=
                  w[(o * s.in + c) * s.k + j] * x[(n * s.in + c) * s.t + t - back];
          }
  return y;
}

Values normalised(const Values& v, const Values& g) {
  const Size row = v.size() / g.size();
  Values w = v;
  for (Size o = 0; o < g.size(); ++o) {
    double squares = 0;
    for (Size i = 0; i < row; ++i) squares += v[o * row + i] * v[o * row + i];
    for (Size i = 0; i < row; ++i) w[o * row + i] *= g[o] / std::sqrt(squares);
  }
  return w;
}

void add_channel_bias(Values& y, const Values& b, Size t) {
  for (Size i = 0; i < y.size(); ++i) y[i] += b[i / t % b.size()];
}

void add_lift_cases(std::vector<OpCase>& cases) {
  cases.push_back({.name = "lift",
                   .inputs = {{{13, 3}}},
                   .op = [](const Ts& x) { return lift(x[0]); },
                   .oracle = [](const Vs& x) { return lifted(x[0], 3); }});
  cases.push_back({.name = "lift_adjoint",
                   .inputs = {{{5, 6}}, {{5, 6}}},
                   .op = [](const Ts& x) { return lift_adjoint(x[0], x[1]); },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (Size r = 0; r < 5; ++r)
                           for (Size j = 0; j < 3; ++j)
                             y.push_back(x[0][r * 6 + j] * x[1][r * 6 + 3 + j] -
                                         x[0][r * 6 + 3 + j] * x[1][r * 6 + j]);
                         return y;
                       }});
  cases.push_back({.name = "lift_tangent",
                   .inputs = {{{5, 6}}, {{5, 3}}},
                   .op = [](const Ts& x) { return lift_tangent(x[0], x[1]); },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (Size r = 0; r < 5; ++r)
                           for (Size j = 0; j < 6; ++j)
                             y.push_back(j < 3 ? -x[0][r * 6 + 3 + j] * x[1][r * 3 + j]
                                               : x[0][r * 6 + j - 3] * x[1][r * 3 + j - 3]);
                         return y;
                       }});
  cases.push_back({.name = "random_fourier_features",
                   .inputs = {{{37, 5}}, {{4, 5}}},
                   .op = [](const Ts& x) { return random_fourier_features(x[0], x[1]); },
                   .oracle = [](const Vs& x) { return lifted(product(x[0], x[1], 5), 4); },
                   .terms = 37});
  cases.push_back({.name = "koopman",
                   .inputs = {{{41, 6}}, {{6, 3}}, {{3, 6}}},
                   .op = [](const Ts& x) { return koopman(x[0], x[1], x[2]); },
                   .oracle = [](const Vs& x) { return product(product(x[0], x[2], 6), x[1], 3); },
                   .terms = 41});
}

void add_conv_cases(std::vector<OpCase>& cases) {
  for (const ConvSizes& s :
       {ConvSizes{2, 3, 4, 9, 3, 2}, ConvSizes{1, 1, 2, 5, 4, 3}, ConvSizes{1, 2, 1, 33, 1, 1}}) {
    const auto shape = [](Size a, Size b, Size c) { return Shape{Index(a), Index(b), Index(c)}; };
    const Conv1dOptions options{Index(s.d)};
    cases.push_back({.name = "conv1d",
                     .inputs = {{shape(s.n, s.in, s.t)}, {shape(s.out, s.in, s.k)}},
                     .op = [options](const Ts& x) { return conv1d(x[0], x[1], options); },
                     .oracle = [s](const Vs& x) { return convolved(s, x[0], x[1]); },
                     .terms = Index(s.n * s.t * s.k)});
    cases.push_back({.name = "conv1d_data_adjoint",
                     .inputs = {{shape(s.n, s.out, s.t)}, {shape(s.out, s.in, s.k)}},
                     .op = [options](const Ts& x) { return conv1d_data_adjoint(x[0], x[1], options); },
                     .oracle =
                         [s](const Vs& x) {
                           Values dx(s.n * s.in * s.t, 0.0);
                           for (Size n = 0; n < s.n; ++n)
                             for (Size o = 0; o < s.out; ++o)
                               for (Size t = 0; t < s.t; ++t)
                                 for (Size c = 0; c < s.in; ++c)
                                   for (Size j = 0; j < s.k; ++j)
                                     if ((s.k - 1 - j) * s.d <= t)
                                       dx[(n * s.in + c) * s.t + t - (s.k - 1 - j) * s.d] +=
                                           x[0][(n * s.out + o) * s.t + t] * x[1][(o * s.in + c) * s.k + j];
                           return dx;
                         },
                     .terms = Index(s.n * s.t * s.k)});
    cases.push_back(
        {.name = "conv1d_weight_adjoint",
         .inputs = {{shape(s.n, s.out, s.t)}, {shape(s.n, s.in, s.t)}},
         .op = [options, s](const Ts& x) { return conv1d_weight_adjoint(x[0], x[1], Index(s.k), options); },
         .oracle =
             [s](const Vs& x) {
               Values dw(s.out * s.in * s.k, 0.0);
               for (Size n = 0; n < s.n; ++n)
                 for (Size o = 0; o < s.out; ++o)
                   for (Size t = 0; t < s.t; ++t)
                     for (Size c = 0; c < s.in; ++c)
                       for (Size j = 0; j < s.k; ++j)
                         if ((s.k - 1 - j) * s.d <= t)
                           dw[(o * s.in + c) * s.k + j] +=
                               x[0][(n * s.out + o) * s.t + t] *
                               x[1][(n * s.in + c) * s.t + t - (s.k - 1 - j) * s.d];
               return dw;
             },
         .terms = Index(s.n * s.t * s.k)});
  }
  cases.push_back({.name = "weight_norm",
                   .inputs = {{{4, 3, 2}, Draw::nonzero}, {{4}}},
                   .op = [](const Ts& x) { return weight_norm(x[0], x[1]); },
                   .oracle = [](const Vs& x) { return normalised(x[0], x[1]); },
                   .terms = 6});
}

// Adds the block without down-sampling (in == out) and with it, fused and as a composition.
void add_block_cases(std::vector<OpCase>& cases) {
  for (const ConvSizes& s : {ConvSizes{2, 3, 3, 11, 3, 2}, ConvSizes{1, 1, 5, 21, 2, 4}})
    for (bool fused : {true, false}) {
      const Index in = Index(s.in), out = Index(s.out), k = Index(s.k);
      std::vector<OpInput> inputs{{{Index(s.n), in, Index(s.t)}},
                                  {{out, in, k}, Draw::nonzero},
                                  {{out}, Draw::nonzero},
                                  {{out}},
                                  {{out, out, k}, Draw::nonzero},
                                  {{out}, Draw::nonzero},
                                  {{out}}};
      if (in != out) inputs.insert(inputs.end(), {{{out, in}}, {{out}}});
      cases.push_back(
          {.name = fused ? "tcn_block" : "tcn_block_reference",
           .inputs = inputs,
           .op =
               [s, fused](const Ts& x) {
                 TcnBlockParams p{x[1], x[2], x[3], x[4], x[5], x[6], {}, {}};
                 if (x.size() > 7) p.down_w = x[7], p.down_b = x[8];
                 const Conv1dOptions options{Index(s.d)};
                 return fused ? tcn_block(x[0], p, options) : tcn_block_reference(x[0], p, options);
               },
           .oracle =
               [s](const Vs& x) {
                 Values a = convolved(s, x[0], normalised(x[1], x[2]));
                 add_channel_bias(a, x[3], s.t);
                 clip_below(a);
                 Values y = convolved({s.n, s.out, s.out, s.t, s.k, s.d}, a, normalised(x[4], x[5]));
                 add_channel_bias(y, x[6], s.t);
                 clip_below(y);
                 Values r = x[0];
                 if (x.size() > 7) {
                   r = convolved({s.n, s.in, s.out, s.t, 1, 1}, x[0], x[7]);
                   add_channel_bias(r, x[8], s.t);
                 }
                 for (Size i = 0; i < y.size(); ++i) y[i] += r[i];
                 clip_below(y);
                 return y;
               },
           .terms = Index(s.n * s.t * s.k * s.out),
           .kinked = true});
    }
}

// Adds 3 -> fourier 4 (8) -> relu 5 -> relu 5 -> identity 2 without bias, and a wide head without a lift.
void add_head_cases(std::vector<OpCase>& cases) {
  struct Sizes {
    Size rows, in, fourier, hidden, out;
  };
  for (const Sizes& s : {Sizes{17, 3, 4, 5, 2}, Sizes{131, 10, 0, 32, 10}, Sizes{9, 2, 0, 70, 3}})
    for (bool fused : {true, false}) {
      const Size first = s.fourier > 0 ? 2 * s.fourier : s.in;
      const auto shape = [](Size a, Size b) { return Shape{Index(a), Index(b)}; };
      std::vector<OpInput> inputs{{shape(s.rows, s.in)}};
      if (s.fourier > 0) inputs.push_back({shape(s.fourier, s.in)});
      inputs.insert(inputs.end(), {{shape(s.hidden, first)},
                                   {{Index(s.hidden)}},
                                   {shape(s.hidden, s.hidden)},
                                   {{Index(s.hidden)}},
                                   {shape(s.out, s.hidden)}});
      cases.push_back({.name = fused ? "sim_head" : "sim_head_reference",
                       .inputs = inputs,
                       .op =
                           [s, fused](const Ts& x) {
                             std::vector<HeadLayer> layers;
                             Size i = 1;
                             if (s.fourier > 0) layers.push_back({x[i++], {}, Activation::fourier});
                             layers.push_back({x[i], x[i + 1], Activation::relu});
                             layers.push_back({x[i + 2], x[i + 3], Activation::relu});
                             layers.push_back({x[i + 4], {}, Activation::identity});
                             return fused ? sim_head(x[0], layers) : sim_head_reference(x[0], layers);
                           },
                       .oracle =
                           [s, first](const Vs& x) {
                             Size i = 1;
                             Values z = x[0];
                             if (s.fourier > 0) z = lifted(product(z, x[i++], s.in), s.fourier);
                             z = product(z, x[i], first);
                             add_row(z, x[i + 1]);
                             clip_below(z);
                             z = product(z, x[i + 2], s.hidden);
                             add_row(z, x[i + 3]);
                             clip_below(z);
                             return product(z, x[i + 4], s.hidden);
                           },
                       .terms = Index(s.rows + s.hidden),
                       .kinked = true});
    }
}

void add_loss_cases(std::vector<OpCase>& cases) {
  const auto log_sum = [](const double* x, Size n) {
    double total = 0;
    for (Size i = 0; i < n; ++i) total += std::exp(x[i]);
    return std::log(total);
  };
  cases.push_back({.name = "softmax",
                   .inputs = {{{7, 10}}},
                   .op = [](const Ts& x) { return softmax(x[0]); },
                   .oracle =
                       [log_sum](const Vs& x) {
                         Values y;
                         for (Size i = 0; i < 70; ++i)
                           y.push_back(std::exp(x[0][i] - log_sum(&x[0][i / 10 * 10], 10)));
                         return y;
                       },
                   .terms = 10});
  for (const auto& [rows, classes] : {std::array<Size, 2>{7, 10}, {1, 1}, {261, 10}, {5, 37}})
    cases.push_back(
        {.name = "softmax_cross_entropy",
         .inputs = {{{Index(rows), Index(classes)}}, {{Index(rows)}, Draw::ids, std::int32_t(classes), true}},
         .op = [](const Ts& x) { return softmax_cross_entropy(x[0], x[1]); },
         .oracle =
             [log_sum, rows = rows, classes = classes](const Vs& x) {
               double total = 0;
               for (Size r = 0; r < rows; ++r)
                 total += log_sum(&x[0][r * classes], classes) - x[0][r * classes + Size(x[1][r])];
               return Values{total / double(rows)};
             },
         .terms = Index(rows + classes)});
  for (Index n : {Index(21), Index(5000)})
    cases.push_back({.name = "mean_squared_error",
                     .inputs = {{{n}}, {{n}}},
                     .op = [](const Ts& x) { return mean_squared_error(x[0], x[1]); },
                     .oracle =
                         [](const Vs& x) {
                           double total = 0;
                           for (Size i = 0; i < x[0].size(); ++i)
                             total += (x[0][i] - x[1][i]) * (x[0][i] - x[1][i]);
                           return Values{total / double(x[0].size())};
                         },
                     .terms = n});
}

}  // namespace

void add_network_cases(std::vector<OpCase>& cases) {
  add_lift_cases(cases);
  add_conv_cases(cases);
  add_block_cases(cases);
  add_head_cases(cases);
  add_loss_cases(cases);
}

}  // namespace stillpoint

// Op cases of lifts, convolutions, the fused blocks and the losses.
#include <array>
#include <cmath>

#include "engine/cases/op_cases.h"
#include "engine/cases/sim_head_oracle.h"
#include "engine/cases/tcn_block_oracle.h"

namespace stillpoint {
namespace {

using Ts = std::vector<Tensor>;
using Vs = std::vector<Values>;
using Size = std::size_t;

using oracle::TcnBlockShape;

// Wide layers of image regression: (batch,width), and what else `shapes` says.
AtPaper wide(std::function<Shapes(const PaperSizes&)> shapes, Count flops) {
  return {{.batch = 65536, .width = 256}, std::move(shapes), std::move(flops)};
}

void add_lift_cases(std::vector<OpCase>& cases) {
  cases.push_back({.name = "lift",
                   .inputs = {{{13, 3}}},
                   .op = [](const Ts& x) { return lift(x[0]); },
                   .oracle = [](const Vs& x) { return oracle::lifted(x[0], 3); },
                   .paper = wide(
                       [](const PaperSizes& s) {
                         return Shapes{{s.batch, s.width / 2}};
                       },
                       per_element(4))});
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
                       },
                   .paper = wide(
                       [](const PaperSizes& s) {
                         return Shapes(2, {s.batch, s.width});
                       },
                       per_element(1.5))});
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
                       },
                   .paper = wide(
                       [](const PaperSizes& s) {
                         return Shapes{{s.batch, s.width}, {s.batch, s.width / 2}};
                       },
                       per_element(1))});
  cases.push_back({.name = "random_fourier_features",
                   .inputs = {{{37, 5}}, {{4, 5}}},
                   .op = [](const Ts& x) { return random_fourier_features(x[0], x[1]); },
                   .oracle =
                       [](const Vs& x) {
                         return oracle::SimHeadLayer{5, 4, Activation::fourier, x[1]}(x[0]);
                       },
                   .terms = 37,
                   .paper = wide(
                       [](const PaperSizes& s) {
                         return Shapes{{s.batch, s.width}, {s.width / 2, s.width}};
                       },
                       [](const Shapes& in) { return 2 * double(count(in[0]) * in[1][0]); })});
  cases.push_back({.name = "koopman",
                   .inputs = {{{41, 6}}, {{6, 3}}, {{3, 6}}},
                   .op = [](const Ts& x) { return koopman(x[0], x[1], x[2]); },
                   .oracle =
                       [](const Vs& x) {
                         const oracle::SimHeadLayer vt{6, 3, Activation::identity, x[2]},
                             u{3, 6, Activation::identity, x[1]};
                         return u(vt(x[0]));
                       },
                   .terms = 41,
                   .paper = wide(
                       [](const PaperSizes& s) {
                         return Shapes{{s.batch, s.width}, {s.width, s.width / 2}, {s.width / 2, s.width}};
                       },
                       [](const Shapes& in) { return 4 * double(count(in[0]) * in[2][0]); })});
}

// A convolution of copy memory's TCN on x (batch,width,length). The dilation is that of the row.
AtPaper tcn_at_paper(const TcnBlockShape& s, double convolutions,
                     std::function<Shapes(const PaperSizes&)> shapes) {
  return {{.batch = 10, .length = 520, .width = 10},
          std::move(shapes),
          [convolutions, dilation = s.dilation](const Shapes& in) {
            const double pairs = double(in[0][0] * in[0][1] * in[0][1]);
            return 2 * convolutions * pairs * causal_products(in[0][2], 8, dilation);
          }};
}
Shape positions(const PaperSizes& s) { return {s.batch, s.width, s.length}; }
Shape eight_taps(const PaperSizes& s) { return {s.width, s.width, 8}; }

void add_conv_cases(std::vector<OpCase>& cases) {
  for (const TcnBlockShape& s : {TcnBlockShape{2, 3, 4, 19, 8, 2}, TcnBlockShape{1, 1, 2, 5, 4, 3},
                                 TcnBlockShape{1, 2, 1, 33, 1, 1}}) {
    const Shape x_shape{s.batch, s.in_channels, s.length}, y_shape{s.batch, s.channels, s.length},
        w_shape{s.channels, s.in_channels, s.taps};
    const Index terms = s.batch * s.length * s.taps, in = s.in_channels;
    const Conv1dOptions options{s.dilation};
    AtPaper by_taps, by_positions;
    if (s.taps == 8) {
      by_taps = tcn_at_paper(s, 1, [](const PaperSizes& p) { return Shapes{positions(p), eight_taps(p)}; });
      by_positions = tcn_at_paper(s, 1, [](const PaperSizes& p) { return Shapes(2, positions(p)); });
    }
    cases.push_back({.name = "conv1d",
                     .inputs = {{x_shape}, {w_shape}},
                     .op = [options](const Ts& x) { return conv1d(x[0], x[1], options); },
                     .oracle = [s, in](const Vs& x) { return oracle::convolved(s, in, x[0], x[1]); },
                     .terms = terms,
                     .paper = by_taps});
    cases.push_back({.name = "conv1d_data_adjoint",
                     .inputs = {{y_shape}, {w_shape}},
                     .op = [options](const Ts& x) { return conv1d_data_adjoint(x[0], x[1], options); },
                     .oracle =
                         [s, in](const Vs& x) {
                           Values dx(Size(s.batch * in * s.length), 0.0);
                           oracle::each_product(
                               s, in, [&](Size w, Size to, Size from) { dx[from] += x[0][to] * x[1][w]; });
                           return dx;
                         },
                     .terms = terms,
                     .paper = by_taps});
    cases.push_back(
        {.name = "conv1d_weight_adjoint",
         .inputs = {{y_shape}, {x_shape}},
         .op = [options, s](const Ts& x) { return conv1d_weight_adjoint(x[0], x[1], s.taps, options); },
         .oracle =
             [s, in](const Vs& x) {
               Values dw(Size(s.channels * in * s.taps), 0.0);
               oracle::each_product(s, in,
                                    [&](Size w, Size to, Size from) { dw[w] += x[0][to] * x[1][from]; });
               return dw;
             },
         .terms = terms,
         .paper = by_positions});
  }
  cases.push_back({.name = "weight_norm",
                   .inputs = {{{4, 3, 2}, Draw::nonzero}, {{4}}},
                   .op = [](const Ts& x) { return weight_norm(x[0], x[1]); },
                   .oracle = [](const Vs& x) { return oracle::normalised(x[0], x[1]); },
                   .terms = 6,
                   .paper = {{.width = 10},
                             [](const PaperSizes& s) {
                               return Shapes{eight_taps(s), {s.width}};
                             },
                             per_element(3)}});
}

// Adds the block without down-sampling (in == out) and with it, fused and as a composition.
void add_block_cases(std::vector<OpCase>& cases) {
  for (const TcnBlockShape& s : {TcnBlockShape{2, 3, 3, 11, 3, 2}, TcnBlockShape{1, 1, 5, 21, 2, 4}})
    for (bool fused : {true, false}) {
      const Index in = s.in_channels, out = s.channels, k = s.taps;
      std::vector<OpInput> inputs{{{s.batch, in, s.length}},
                                  {{out, in, k}, Draw::nonzero},
                                  {{out}, Draw::nonzero},
                                  {{out}},
                                  {{out, out, k}, Draw::nonzero},
                                  {{out}, Draw::nonzero},
                                  {{out}}};
      if (in != out) inputs.insert(inputs.end(), {{{out, in}}, {{out}}});
      AtPaper paper;
      if (in == out)
        paper = tcn_at_paper(s, 2, [](const PaperSizes& p) {
          const Shape v = eight_taps(p), c{p.width};
          return Shapes{positions(p), v, c, c, v, c, c};
        });
      cases.push_back({.name = fused ? "tcn_block" : "tcn_block_reference",
                       .inputs = inputs,
                       .op =
                           [s, fused](const Ts& x) {
                             TcnBlockParams p{x[1], x[2], x[3], x[4], x[5], x[6], {}, {}};
                             if (x.size() > 7) p.down_w = x[7], p.down_b = x[8];
                             const Conv1dOptions options{s.dilation};
                             return fused ? tcn_block(x[0], p, options)
                                          : tcn_block_reference(x[0], p, options);
                           },
                       .oracle =
                           [s](const Vs& x) {
                             oracle::TcnBlockParams<double> p;
                             for (Size i = 1; i < x.size(); ++i) *p.all()[i - 1] = x[i];
                             return oracle::tcn_block(s, p, x[0]).y;
                           },
                       .terms = s.batch * s.length * s.taps * s.channels,
                       .kinked = true,
                       .paper = paper});
    }
}

// Every layer's weights have two axes.
double head_flops(const Shapes& in) {
  double products = 0;
  for (std::size_t i = 1; i < in.size(); ++i)
    if (in[i].size() == 2) products += double(count(in[i]));
  return 2 * double(in[0][0]) * products;
}

// Adds 10 -> fourier 4 (8) -> relu 5 -> relu 5 -> identity 10 without bias, and a wide head without a lift.
void add_head_cases(std::vector<OpCase>& cases) {
  struct Sizes {
    Index rows, in, fourier, hidden, out;
    std::string variant;
    PaperSizes paper;
  };
  for (const Sizes& s : {Sizes{17, 10, 4, 5, 10, " with lift", {.batch = 5200, .width = 32}},
                         Sizes{131, 10, 0, 32, 10, "", {.batch = 5200, .width = 32}},
                         Sizes{9, 2, 0, 70, 3, " wide", {.batch = 65536, .width = 256}}})
    for (bool fused : {true, false}) {
      const Index first = s.fourier > 0 ? 2 * s.fourier : s.in;
      std::vector<OpInput> inputs{{{s.rows, s.in}}};
      if (s.fourier > 0) inputs.push_back({{s.fourier, s.in}});
      inputs.insert(
          inputs.end(),
          {{{s.hidden, first}}, {{s.hidden}}, {{s.hidden, s.hidden}}, {{s.hidden}}, {{s.out, s.hidden}}});
      cases.push_back(
          {.name = (fused ? "sim_head" : "sim_head_reference") + s.variant,
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
                 if (s.fourier > 0) z = oracle::SimHeadLayer{s.in, s.fourier, Activation::fourier, x[i++]}(z);
                 z = oracle::SimHeadLayer{first, s.hidden, Activation::relu, x[i], x[i + 1]}(z);
                 z = oracle::SimHeadLayer{s.hidden, s.hidden, Activation::relu, x[i + 2], x[i + 3]}(z);
                 return oracle::SimHeadLayer{s.hidden, s.out, Activation::identity, x[i + 4]}(z);
               },
           .terms = s.rows + s.hidden,
           .kinked = true,
           .paper = {s.paper,
                     [s](const PaperSizes& p) {
                       const Index w = p.width;
                       Shapes in{{p.batch, s.in}};
                       if (s.fourier > 0) in.push_back({w / 2, s.in});
                       in.insert(in.end(), {{w, s.fourier > 0 ? w : s.in}, {w}, {w, w}, {w}, {s.out, w}});
                       return in;
                     },
                     head_flops}});
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
                   .terms = 10,
                   .paper = {{.batch = 5200, .width = 10},
                             [](const PaperSizes& p) {
                               return Shapes{{p.batch, p.width}};
                             },
                             per_element(4)}});
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
         .terms = Index(rows + classes),
         .paper = rows == 7 ? AtPaper{{.batch = 5200},
                                      [](const PaperSizes& p) {
                                        return Shapes{{p.batch, 10}, {p.batch}};
                                      },
                                      per_element(4)}
                            : AtPaper{}});
  cases.push_back({.name = "softmax_cross_entropy weighted",
                   .inputs = {{{7, 10}}, {{7}, Draw::ids, 10, true}, {{7}, Draw::signed_with_ties, 0, true}},
                   .op = [](const Ts& x) { return softmax_cross_entropy(x[0], x[1], x[2]); },
                   .oracle =
                       [log_sum](const Vs& x) {
                         double total = 0;
                         for (Size r = 0; r < 7; ++r)
                           total += x[2][r] * (log_sum(&x[0][r * 10], 10) - x[0][r * 10 + Size(x[1][r])]);
                         return Values{total};
                       },
                   .terms = 17,
                   .paper = {{.batch = 5200},
                             [](const PaperSizes& p) {
                               return Shapes{{p.batch, 10}, {p.batch}, {p.batch}};
                             },
                             per_element(4)}});
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
                     .terms = n,
                     .paper = n == 21 ? AtPaper{{.batch = 65536},
                                                [](const PaperSizes& p) { return Shapes(2, {3 * p.batch}); },
                                                per_element(3)}
                                      : AtPaper{}});
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

// Op cases of layer normalisation and relative attention.
#include <algorithm>
#include <array>
#include <cmath>

#include "engine/cases/op_cases.h"

namespace stillpoint {
namespace {

using Ts = std::vector<Tensor>;
using Vs = std::vector<Values>;
using Size = std::size_t;

struct AttentionSizes {
  Size n, l, h, e;
};

// Computes a query's row of y for one head, with s_ij = ((q_i + b_w) . k_j + (q_i + b_r) . r_{i-j}) /
// sqrt(e).
void attend(const AttentionSizes& s, const Vs& x, Size n, Size head, Size i, double* y) {
  const Size width = s.h * s.e, own = head * s.e;
  const auto at = [&](Size position, Size part) {
    return &x[0][((n * s.l + position) * 3 + part) * width + own];
  };
  Values weights;
  for (Size j = 0; j <= i; ++j) {
    double score = 0;
    for (Size c = 0; c < s.e; ++c)
      score += (at(i, 0)[c] + x[2][own + c]) * at(j, 1)[c] +
               (at(i, 0)[c] + x[3][own + c]) * x[1][(i - j) * width + own + c];
    weights.push_back(score / std::sqrt(double(s.e)));
  }
  const double top = *std::max_element(weights.begin(), weights.end());
  double total = 0;
  for (double& w : weights) total += w = std::exp(w - top);
  for (Size j = 0; j <= i; ++j)
    for (Size c = 0; c < s.e; ++c) y[c] += weights[j] / total * at(j, 2)[c];
}

Values attention(const AttentionSizes& s, const Vs& x) {
  Values y(s.n * s.l * s.h * s.e, 0.0);
  for (Size n = 0; n < s.n; ++n)
    for (Size head = 0; head < s.h; ++head)
      for (Size i = 0; i < s.l; ++i) attend(s, x, n, head, i, &y[((n * s.l + i) * s.h + head) * s.e]);
  return y;
}

void add_relative_attention_cases(std::vector<OpCase>& cases) {
  for (const AttentionSizes s : {AttentionSizes{2, 7, 2, 5}, {1, 1, 1, 1}, {1, 19, 1, 3}, {3, 6, 2, 11}}) {
    const Index n = Index(s.n), l = Index(s.l), h = Index(s.h), e = Index(s.e);
    const std::vector<OpInput> inputs{{{n, l, 3 * h * e}}, {{l, h * e}}, {{h, e}}, {{h, e}}};
    const auto oracle = [s](const Vs& x) { return attention(s, x); };
    const Index terms = 2 * e + l;
    // Scores of keys and of positions, and sums of values, over all keys or over those that are not ahead.
    const auto at_paper = [&](bool whole) -> AtPaper {
      if (s.n != 2) return {};
      return {
          {.batch = 1, .length = 520, .width = 40},
          [](const PaperSizes& p) {
            return Shapes{
                {p.batch, p.length, 3 * p.width}, {p.length, p.width}, {8, p.width / 8}, {8, p.width / 8}};
          },
          [whole](const Shapes& in) {
            const double length = double(in[0][1]), keys = whole ? length : (length + 1) / 2;
            return 2 * double(count(in[0])) * keys;
          }};
    };
    cases.push_back({.name = "relative_attention",
                     .inputs = inputs,
                     .op = [](const Ts& x) { return relative_attention(x[0], x[1], x[2], x[3]); },
                     .oracle = oracle,
                     .terms = terms,
                     .paper = at_paper(false)});
    cases.push_back({.name = "relative_attention_reference",
                     .inputs = inputs,
                     .op = [](const Ts& x) { return relative_attention_reference(x[0], x[1], x[2], x[3]); },
                     .oracle = oracle,
                     .terms = terms,
                     .paper = at_paper(true)});
  }
}

void add_layer_norm_cases(std::vector<OpCase>& cases) {
  struct Sizes {
    Size rows, columns;
    bool residual = false;  // adds x, whose gradient the backward kernel then adds
  };
  for (const auto& [rows, columns, residual] : {Sizes{5, 7}, {2, 40}, {1, 131}, {3, 37, true}})
    cases.push_back({.name = "layer_norm",
                     .inputs = {{{Index(rows), Index(columns)}}},
                     .op =
                         [residual = residual](const Ts& x) {
                           const Tensor y = layer_norm(x[0]);
                           return residual ? y + x[0] : y;
                         },
                     .oracle =
                         [columns = columns, residual = residual](const Vs& x) {
                           Values y = x[0];
                           for (Size r = 0; r < y.size(); r += columns) {
                             double mean = 0, variance = 0;
                             for (Size c = 0; c < columns; ++c) mean += y[r + c] / double(columns);
                             for (Size c = 0; c < columns; ++c)
                               variance += (y[r + c] - mean) * (y[r + c] - mean) / double(columns);
                             for (Size c = 0; c < columns; ++c)
                               y[r + c] = (y[r + c] - mean) / std::sqrt(variance + 1e-5) +
                                          (residual ? x[0][r + c] : 0);
                           }
                           return y;
                         },
                     .terms = Index(2 * columns),
                     .paper = columns == 40 ? AtPaper{{.batch = 520, .width = 40},
                                                      [](const PaperSizes& s) {
                                                        return Shapes{{s.batch, s.width}};
                                                      },
                                                      per_element(7)}
                                            : AtPaper{}});
}

}  // namespace

void add_attention_cases(std::vector<OpCase>& cases) {
  add_layer_norm_cases(cases);
  add_relative_attention_cases(cases);
}

}  // namespace stillpoint

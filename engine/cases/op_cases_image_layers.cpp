// Op cases of the layers between convolutions: batch normalisation with ReLU, maximum pooling.
#include <cmath>

#include "engine/cases/op_cases.h"

namespace stillpoint {
namespace {

using Ts = std::vector<Tensor>;
using Vs = std::vector<Values>;

struct Images {
  Index n, c, h, w, pool = 1;
  Shape shape() const { return {n, c, h, w}; }
  // Calls f(channel, place in the values) for all values.
  template <class F>
  void each(const F& f) const {
    for (Index i = 0; i < n * c * h * w; ++i) f(std::size_t(i / (h * w) % c), std::size_t(i));
  }
};

// Returns the largest value of each window.
Values pooled(const Images& s, const Values& x) {
  Values out;
  for (Index plane = 0; plane < s.n * s.c; ++plane)
    for (Index p = 0; p < s.h / s.pool; ++p)
      for (Index q = 0; q < s.w / s.pool; ++q) {
        double best = -INFINITY;
        for (Index k = 0; k < s.pool * s.pool; ++k) {
          const Index i = p * s.pool + k / s.pool, j = q * s.pool + k % s.pool;
          best = std::max(best, x[std::size_t((plane * s.h + i) * s.w + j)]);
        }
        out.push_back(best);
      }
  return out;
}

double normalised(double x, double mean, double variance) { return (x - mean) / std::sqrt(variance + 1e-5); }

Values batch_norm_oracle(const Images& s, const Vs& in) {
  const double n = double(s.n * s.h * s.w);
  Values mean(std::size_t(s.c), 0.0), variance(std::size_t(s.c), 0.0), out(in[0].size());
  s.each([&](std::size_t c, std::size_t i) { mean[c] += in[0][i] / n; });
  s.each([&](std::size_t c, std::size_t i) { variance[c] += std::pow(in[0][i] - mean[c], 2) / n; });
  s.each([&](std::size_t c, std::size_t i) {
    out[i] = std::max(0.0, in[1][c] * normalised(in[0][i], mean[c], variance[c]) + in[2][c]);
  });
  return pooled(s, out);
}

// The first layer of MNIST's SIM, followed by `vectors` of its channels; about so many operations an element.
AtPaper at_paper(const Images& s, std::size_t vectors, double operations) {
  if (s.w != 7 && s.w != 8) return {};
  return {{.batch = 128, .length = 28, .width = 24},
          [vectors](const PaperSizes& p) {
            Shapes in(1 + vectors, {p.width});
            in[0] = {p.batch, p.width, p.length, p.length};
            return in;
          },
          per_element(operations)};
}

void add_batch_norm_cases(std::vector<OpCase>& cases, const Images& s) {
  const std::string pooling = s.pool > 1 ? " with pool" : "";
  cases.push_back({.name = "batch_norm_relu" + pooling,
                   .inputs = {{s.shape()}, {{s.c}}, {{s.c}, Draw::positive}},
                   .op = [s](const Ts& in) { return batch_norm_relu(in[0], in[1], in[2], {s.pool}).y; },
                   .oracle = [s](const Vs& in) { return batch_norm_oracle(s, in); },
                   .terms = s.n * s.h * s.w,
                   .kinked = true,
                   .paper = at_paper(s, 2, 8)});
  cases.push_back(
      {.name = "batch_norm_relu_inference" + pooling,
       .inputs = {{s.shape()}, {{s.c}}, {{s.c}, Draw::positive}, {{s.c}}, {{s.c}, Draw::positive}},
       .op =
           [s](const Ts& in) {
             return batch_norm_relu_inference(in[0], in[1], in[2], in[3], in[4], {s.pool});
           },
       .oracle =
           [s](const Vs& in) {
             Values out(in[0].size());
             s.each([&](std::size_t c, std::size_t i) {
               out[i] = std::max(0.0, in[1][c] * normalised(in[0][i], in[3][c], in[4][c]) + in[2][c]);
             });
             return pooled(s, out);
           },
       .terms = s.n * s.h * s.w,
       .kinked = true,
       .paper = at_paper(s, 4, 4)});
}

void add_max_pool_case(std::vector<OpCase>& cases, const Images& s) {
  cases.push_back({.name = "max_pool2d",
                   .inputs = {{s.shape()}},
                   .op = [s](const Ts& in) { return max_pool2d(in[0], s.pool); },
                   .oracle = [s](const Vs& in) { return pooled(s, in[0]); },
                   .kinked = true,
                   .paper = at_paper(s, 0, 1)});
}

}  // namespace

void add_image_layer_cases(std::vector<OpCase>& cases) {
  for (const Images& s : {Images{3, 2, 5, 7}, Images{2, 3, 9, 33}, Images{1, 2, 1, 3}, Images{2, 2, 7, 8, 2},
                          Images{1, 2, 4, 37, 2}, Images{2, 1, 8, 10, 3}})
    add_batch_norm_cases(cases, s);
  for (const Images& s : {Images{2, 3, 6, 8, 2}, Images{2, 1, 5, 35, 2}, Images{1, 2, 7, 10, 3}})
    add_max_pool_case(cases, s);
}

}  // namespace stillpoint

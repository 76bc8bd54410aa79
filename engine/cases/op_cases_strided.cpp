// Op cases of shapes, sums, products and embeddings.
#include "engine/cases/op_cases.h"
#include "engine/ops/fused_sums.h"

namespace stillpoint {
namespace {

using Ts = std::vector<Tensor>;
using Vs = std::vector<Values>;

// Arrays of image regression, each (batch,width); `flops` is empty if data only move.
AtPaper matrices(std::size_t inputs, Count flops = {}, bool linear = false) {
  return {{.batch = 65536, .width = 256},
          [inputs](const PaperSizes& s) {
            return Shapes(inputs, {s.batch, s.width});
          },
          std::move(flops),
          linear ? 0.0 : 2.0,
          linear};
}
// One array of copy memory, (batch,length,width).
AtPaper sequences(Count flops = {}, bool linear = false) {
  return {{.batch = 10, .length = 520, .width = 10},
          [](const PaperSizes& s) {
            return Shapes{{s.batch, s.length, s.width}};
          },
          std::move(flops),
          linear ? 0.0 : 2.0,
          linear};
}

void add_shape_cases(std::vector<OpCase>& cases) {
  cases.push_back({.name = "reshape",
                   .inputs = {{{4, 6}}},
                   .op =
                       [](const Ts& x) {
                         return reshape(x[0], {x[0].dim(1), -1});
                       },
                   .oracle = [](const Vs& x) { return x[0]; },
                   .paper = matrices(1)});
  cases.push_back({.name = "permute",
                   .inputs = {{{2, 3, 5}}},
                   .op =
                       [](const Ts& x) {
                         return permute(x[0], {2, 0, 1});
                       },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t k = 0; k < 5; ++k)
                           for (std::size_t i = 0; i < 2; ++i)
                             for (std::size_t j = 0; j < 3; ++j) y.push_back(x[0][(i * 3 + j) * 5 + k]);
                         return y;
                       },
                   .paper = sequences()});
  cases.push_back({.name = "expand",
                   .inputs = {{{3, 1}}},
                   .op =
                       [](const Ts& x) {
                         return expand(x[0], {2, x[0].dim(0), 4});
                       },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t i = 0; i < 24; ++i) y.push_back(x[0][i / 4 % 3]);
                         return y;
                       },
                   .terms = 8,
                   .paper = {{.batch = 65536}, [](const PaperSizes& s) {
                               return Shapes{{s.batch, 1}};
                             }}});
  cases.push_back({.name = "slice",
                   .inputs = {{{4, 6}}},
                   .op =
                       [](const Ts& x) {
                         return slice(x[0], {1, 2}, {x[0].dim(0) - 1, x[0].dim(1) - 1});
                       },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t i = 1; i < 3; ++i)
                           for (std::size_t j = 2; j < 5; ++j) y.push_back(x[0][i * 6 + j]);
                         return y;
                       },
                   .paper = matrices(1)});
  cases.push_back({.name = "pad",
                   .inputs = {{{2, 3}}},
                   .op =
                       [](const Ts& x) {
                         return pad(x[0], {1, 0}, {x[0].dim(0) + 2, x[0].dim(1) + 2});
                       },
                   .oracle =
                       [](const Vs& x) {
                         Values y(20, 0.0);
                         for (std::size_t i = 0; i < 2; ++i)
                           for (std::size_t j = 0; j < 3; ++j) y[(i + 1) * 5 + j] = x[0][i * 3 + j];
                         return y;
                       },
                   .paper = matrices(1)});
}

// Parts of 1 and 3 columns.
void add_join_cases(std::vector<OpCase>& cases) {
  cases.push_back({.name = "concat",
                   .inputs = {{{4, 1}}, {{4, 3}}},
                   .op =
                       [](const Ts& x) {
                         return concat({x[0], x[1]}, -1);
                       },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t i = 0; i < 16; ++i)
                           y.push_back(i % 4 == 0 ? x[0][i / 4] : x[1][i / 4 * 3 + i % 4 - 1]);
                         return y;
                       },
                   .paper = matrices(2)});
  cases.push_back({.name = "stack",
                   .inputs = {{{2, 3}}, {{2, 3}}},
                   .op =
                       [](const Ts& x) {
                         return stack({x[0], x[1]}, 1);
                       },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t i = 0; i < 12; ++i) y.push_back(x[i / 3 % 2][i / 6 * 3 + i % 3]);
                         return y;
                       },
                   .paper = matrices(2)});
  cases.push_back({.name = "transpose",
                   .inputs = {{{2, 3, 5}}},
                   .op = [](const Ts& x) { return transpose(x[0], 0, -1); },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t k = 0; k < 5; ++k)
                           for (std::size_t j = 0; j < 3; ++j)
                             for (std::size_t i = 0; i < 2; ++i) y.push_back(x[0][(i * 3 + j) * 5 + k]);
                         return y;
                       },
                   .paper = sequences()});
}

// Over the first and the last axis of (4,7,3).
void add_axis_cases(std::vector<OpCase>& cases) {
  for (const bool as_mean : {false, true})
    cases.push_back({.name = as_mean ? "mean over axes" : "sum over axes",
                     .inputs = {{{4, 7, 3}}},
                     .op =
                         [as_mean](const Ts& x) {
                           return as_mean ? mean(x[0], {0, -1}) : sum(x[0], {-1, 0}, {.keep_axes = true});
                         },
                     .oracle =
                         [as_mean](const Vs& x) {
                           Values y(7, 0.0);
                           for (std::size_t i = 0; i < 84; ++i) y[i / 3 % 7] += x[0][i] / (as_mean ? 12 : 1);
                           return y;
                         },
                     .terms = 12,
                     .paper = sequences(per_element(1), true)});
  for (const Index axis : {Index(-1), Index(0)})
    cases.push_back({.name = "argmax",
                     .inputs = {{.shape = {37, 41}, .constant = true}},
                     .op = [axis](const Ts& x) { return argmax(x[0], axis); },
                     .oracle =
                         [axis](const Vs& x) {
                           Values y;
                           const std::size_t rows = axis == 0 ? 41 : 37, columns = 78 - rows;
                           const std::size_t step = axis == 0 ? 41 : 1, row = axis == 0 ? 1 : 41;
                           for (std::size_t r = 0; r < rows; ++r) {
                             std::size_t best = 0;
                             for (std::size_t c = 1; c < columns; ++c)
                               if (x[0][r * row + c * step] > x[0][r * row + best * step]) best = c;
                             y.push_back(double(best));
                           }
                           return y;
                         },
                     .paper = axis == -1 ? matrices(1, per_element(1)) : AtPaper{}});
}

void add_sum_cases(std::vector<OpCase>& cases) {
  cases.push_back({.name = "sum_to",
                   .inputs = {{{2, 37, 3}}},
                   .op =
                       [](const Ts& x) {
                         return sum_to(x[0], {1, x[0].dim(2)});
                       },
                   .oracle =
                       [](const Vs& x) {
                         Values y(3, 0.0);
                         for (std::size_t i = 0; i < x[0].size(); ++i) y[i % 3] += x[0][i];
                         return y;
                       },
                   .terms = 74,
                   .paper = sequences(per_element(1), true)});
  for (Index n : {Index(1), Index(37), Index(9001)})
    cases.push_back({.name = "sum",
                     .inputs = {{{n}}},
                     .op = [](const Ts& x) { return sum(x[0]); },
                     .oracle =
                         [](const Vs& x) {
                           double total = 0;
                           for (double v : x[0]) total += v;
                           return Values{total};
                         },
                     .terms = n,
                     .paper = n == 37 ? matrices(1, per_element(1), true) : AtPaper{}});
  cases.push_back({.name = "mean",
                   .inputs = {{{5, 13}}},
                   .op = [](const Ts& x) { return mean(x[0]); },
                   .oracle =
                       [](const Vs& x) {
                         double total = 0;
                         for (double v : x[0]) total += v;
                         return Values{total / 65};
                       },
                   .terms = 65,
                   .paper = matrices(1, per_element(1), true)});
}

// x (batch,width), w (width,width) and, if there are three inputs, b (width).
AtPaper layers(std::size_t inputs) {
  return {matrices(1).usual,
          [inputs](const PaperSizes& s) {
            Shapes in{{s.batch, s.width}, {s.width, s.width}};
            if (inputs == 3) in.push_back({s.width});
            return in;
          },
          [](const Shapes& in) { return 2 * double(count(in[0]) * in[1][0]); }};
}

void add_product_cases(std::vector<OpCase>& cases) {
  for (int transposes = 0; transposes < 4; ++transposes) {
    const bool ta = transposes & 1, tb = transposes & 2;
    for (const auto& [m, n, k] : {std::array<Index, 3>{3, 5, 7}, {1, 1, 1}, {33, 65, 17}})
      cases.push_back({.name = "matmul",
                       .inputs = {{ta ? Shape{k, m} : Shape{m, k}}, {tb ? Shape{n, k} : Shape{k, n}}},
                       .op =
                           [ta, tb](const Ts& x) {
                             return matmul(x[0], x[1], {ta, tb});
                           },
                       .oracle =
                           [ta, tb, m = m, n = n, k = k](const Vs& x) {
                             Values y;
                             for (Index i = 0; i < m; ++i)
                               for (Index j = 0; j < n; ++j) {
                                 double total = 0;
                                 for (Index l = 0; l < k; ++l)
                                   total += x[0][std::size_t(ta ? l * m + i : i * k + l)] *
                                            x[1][std::size_t(tb ? j * k + l : l * n + j)];
                                 y.push_back(total);
                               }
                             return y;
                           },
                       .terms = std::max({m, n, k}),
                       .paper = transposes == 0 && m == 3 ? layers(2) : AtPaper{}});
  }
  // Batches (2,1) and (3), each with a transpose that reads k along rows.
  cases.push_back({.name = "batched matmul",
                   .inputs = {{{2, 1, 7, 4}}, {{3, 5, 7}}},
                   .op =
                       [](const Ts& x) {
                         return matmul(x[0], x[1], {true, true});
                       },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t b = 0; b < 6; ++b)
                           for (std::size_t i = 0; i < 4; ++i)
                             for (std::size_t j = 0; j < 5; ++j) {
                               double total = 0;
                               for (std::size_t l = 0; l < 7; ++l)
                                 total += x[0][(b / 3 * 7 + l) * 4 + i] * x[1][(b % 3 * 5 + j) * 7 + l];
                               y.push_back(total);
                             }
                         return y;
                       },
                   .terms = 15,
                   // Scores of eight heads.
                   .paper = {{.batch = 1, .length = 520, .width = 5},
                             [](const PaperSizes& s) {
                               return Shapes{{s.batch, 1, s.width, s.length}, {8, s.length, s.width}};
                             },
                             [](const Shapes& in) { return 16 * double(count(in[0]) * in[1][1]); }}});
  // At these sizes no drawn sum is so near 0 that rounding its operands would change its sign and its
  // gradient.
  for (bool with_relu : {false, true})
    cases.push_back({.name = with_relu ? "linear_relu" : "linear",
                     .inputs = {{{7, 2, 5}}, {{4, 5}}, {{4}}},
                     .op =
                         [with_relu](const Ts& x) {
                           return with_relu ? linear_relu(x[0], x[1], x[2]) : linear(x[0], x[1], x[2]);
                         },
                     .oracle =
                         [with_relu](const Vs& x) {
                           Values y;
                           for (std::size_t i = 0; i < 14; ++i)
                             for (std::size_t o = 0; o < 4; ++o) {
                               double total = x[2][o];
                               for (std::size_t l = 0; l < 5; ++l) total += x[0][i * 5 + l] * x[1][o * 5 + l];
                               y.push_back(with_relu && total < 0 ? 0 : total);
                             }
                           return y;
                         },
                     .terms = 14,
                     .kinked = with_relu,
                     .paper = layers(3)});
  // x has another path to y, whose gradient the product adds.
  cases.push_back({.name = "linear",
                   .inputs = {{{7, 2, 5}}, {{5, 5}}, {{5}}, {{7, 2, 5}}},
                   .op = [](const Ts& x) { return linear_plus(x[0], x[1], x[2], x[3]) + x[0]; },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t i = 0; i < 70; ++i) {
                           double total = x[2][i % 5] + x[3][i] + x[0][i];
                           for (std::size_t l = 0; l < 5; ++l)
                             total += x[0][i / 5 * 5 + l] * x[1][i % 5 * 5 + l];
                           y.push_back(total);
                         }
                         return y;
                       },
                   .terms = 14});
}

void add_embedding_cases(std::vector<OpCase>& cases) {
  cases.push_back({.name = "embedding",
                   .inputs = {{{6, 4}}, {{11}, Draw::ids, 6, true}},
                   .op = [](const Ts& x) { return embedding(x[0], x[1]); },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (double id : x[1])
                           for (std::size_t j = 0; j < 4; ++j) y.push_back(x[0][std::size_t(id) * 4 + j]);
                         return y;
                       },
                   .terms = 11,
                   .paper = {sequences().usual, [](const PaperSizes& s) {
                               return Shapes{{10, s.width}, {s.batch * s.length}};
                             }}});
  cases.push_back({.name = "embedding_adjoint",
                   .inputs = {{{11, 4}}, {{11}, Draw::ids, 6, true}},
                   .op = [](const Ts& x) { return embedding_adjoint(x[0], x[1], 6); },
                   .oracle =
                       [](const Vs& x) {
                         Values y(24, 0.0);
                         for (std::size_t i = 0; i < 11; ++i)
                           for (std::size_t j = 0; j < 4; ++j)
                             y[std::size_t(x[1][i]) * 4 + j] += x[0][i * 4 + j];
                         return y;
                       },
                   .terms = 11,
                   .paper = {sequences().usual,
                             [](const PaperSizes& s) {
                               return Shapes{{s.batch * s.length, s.width}, {s.batch * s.length}};
                             },
                             per_element(1)}});
}

void add_gather_cases(std::vector<OpCase>& cases) {
  for (const Index axis : {Index(-1), Index(0)})
    cases.push_back({.name = "gather",
                     .inputs = {{{3, 5}}, {axis == 0 ? Shape{7, 5} : Shape{3, 7}, Draw::ids, 3}},
                     .op = [axis](const Ts& x) { return gather(x[0], x[1], axis); },
                     .oracle =
                         [axis](const Vs& x) {
                           Values y;
                           for (std::size_t i = 0; i < x[1].size(); ++i) {
                             const std::size_t id = std::size_t(x[1][i]);
                             y.push_back(x[0][axis == 0 ? id * 5 + i % 5 : i / 7 * 5 + id]);
                           }
                           return y;
                         },
                     .terms = 7,
                     .paper = axis == -1 ? matrices(2) : AtPaper{}});
}

}  // namespace

void add_strided_cases(std::vector<OpCase>& cases) {
  add_shape_cases(cases);
  add_join_cases(cases);
  add_axis_cases(cases);
  add_sum_cases(cases);
  add_product_cases(cases);
  add_embedding_cases(cases);
  add_gather_cases(cases);
}

}  // namespace stillpoint

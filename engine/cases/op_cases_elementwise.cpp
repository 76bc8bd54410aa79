// Op cases of the element-wise family, with broadcasting.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "engine/cases/op_cases.h"
#include "engine/ops/fused_sums.h"

namespace stillpoint {
namespace {

using Ts = std::vector<Tensor>;
using Vs = std::vector<Values>;

// Points where a function is small, large or saturated.
Values extremes_of(const std::string& name) {
  static const std::map<std::string, Values> known{
      {"exponential", {-80, -20, -1e-6, 1e-6, 20, 80}}, {"logarithm", {1e-30, 1e-6, 1e6, 1e30}},
      {"square_root", {1e-30, 1e-6, 1e6, 1e30}},        {"reciprocal", {-1e6, -1e-6, 1e-6, 1e6}},
      {"sine", {-1e4, -20, -1e-6, 1e-6, 20, 1e4}},      {"cosine", {-1e4, -20, -1e-6, 1e-6, 20, 1e4}},
      {"hyperbolic_tangent", {-20, -1e-6, 1e-6, 20}},   {"sigmoid", {-80, -20, -1e-6, 1e-6, 20, 80}},
      {"square", {-1e15, -1e-15, 1e-15, 1e15}},         {"absolute", {-1e30, -1e-30, 1e-30, 1e30}},
  };
  const auto found = known.find(name);
  return found == known.end() ? Values{} : found->second;
}

// Hidden activations of image regression.
AtPaper activations(std::size_t inputs, const std::string& name = {}) {
  static const std::set<std::string> linear{"negate", "affine", "add", "subtract"};
  const bool is_linear = linear.contains(name);
  return {{.batch = 65536, .width = 256},
          [inputs](const PaperSizes& s) {
            return Shapes(inputs, {s.batch, s.width});
          },
          per_element(1),
          is_linear ? 1.0 : 2.0,
          is_linear};
}

void add_unary(std::vector<OpCase>& cases, const std::string& name, Tensor (*op)(const Tensor&),
               double (*f)(double), Draw draw = Draw::signed_with_ties, bool kinked = false) {
  for (const Shape& shape : {Shape{7, 3}, Shape{1}, Shape{1031}})
    cases.push_back({.name = name,
                     .inputs = {{shape, draw}},
                     .op = [op](const Ts& x) { return op(x[0]); },
                     .oracle =
                         [f](const Vs& x) {
                           Values y;
                           for (double v : x[0]) y.push_back(f(v));
                           return y;
                         },
                     .kinked = kinked,
                     .extremes = extremes_of(shape == Shape{1} ? name : ""),
                     .paper = shape.size() == 2 ? activations(1, name) : AtPaper{}});
}

// Adds a case with both operands (3,5), then one with a row and a column that repeat. A `kinked` op has no
// derivative if a == b; a `constant` op has no gradient.
void add_binary(std::vector<OpCase>& cases, const std::string& name,
                Tensor (*op)(const Tensor&, const Tensor&), double (*f)(double, double),
                Draw draw_b = Draw::signed_with_ties, bool kinked = false, bool constant = false) {
  const auto run = [op](const Ts& x) { return op(x[0], x[1]); };
  struct Repeat {
    Shape a, b;
    Index row_a, column_a, row_b, column_b;  // strides; 0 repeats
  };
  for (const Repeat& r : {Repeat{{3, 5}, {3, 5}, 5, 1, 5, 1}, Repeat{{3, 5}, {5}, 5, 1, 0, 1},
                          Repeat{{3, 1}, {1, 5}, 1, 0, 0, 1}, Repeat{{3, 5}, {1}, 5, 1, 0, 0}})
    cases.push_back({.name = name,
                     .inputs = {{.shape = r.a, .constant = constant}, {r.b, draw_b, 0, constant}},
                     .op = run,
                     .oracle =
                         [f, r](const Vs& x) {
                           Values y;
                           for (Index i = 0; i < 3; ++i)
                             for (Index j = 0; j < 5; ++j)
                               y.push_back(f(x[0][std::size_t(i * r.row_a + j * r.column_a)],
                                             x[1][std::size_t(i * r.row_b + j * r.column_b)]));
                           return y;
                         },
                     .terms = 15,
                     .kinked = kinked,
                     .paper = r.a == r.b ? activations(2, name) : AtPaper{}});
}

// The condition repeats over rows.
void add_where_case(std::vector<OpCase>& cases) {
  cases.push_back({.name = "where",
                   .inputs = {{{5}, Draw::ids, 2}, {{3, 5}}, {{3, 1}}},
                   .op = [](const Ts& x) { return where(x[0], x[1], x[2]); },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t i = 0; i < 15; ++i)
                           y.push_back(x[0][i % 5] != 0 ? x[1][i] : x[2][i / 5]);
                         return y;
                       },
                   .terms = 5,
                   .paper = {activations(3).usual, [](const PaperSizes& s) {
                               return Shapes{{s.width}, {s.batch, s.width}, {s.batch, 1}};
                             }}});
}

double larger(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double smaller(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b); }

}  // namespace

void add_elementwise_cases(std::vector<OpCase>& cases) {
  add_unary(cases, "negate", negate, [](double v) { return -v; });
  add_unary(
      cases, "relu", relu, [](double v) { return v > 0 ? v : 0.0; }, Draw::signed_with_ties, true);
  add_unary(cases, "exponential", exponential, [](double v) { return std::exp(v); });
  add_unary(
      cases, "logarithm", logarithm, [](double v) { return std::log(v); }, Draw::positive);
  add_unary(
      cases, "square_root", square_root, [](double v) { return std::sqrt(v); }, Draw::positive);
  add_unary(
      cases, "reciprocal", reciprocal, [](double v) { return 1 / v; }, Draw::nonzero);
  add_unary(cases, "sine", sine, [](double v) { return std::sin(v); });
  add_unary(cases, "cosine", cosine, [](double v) { return std::cos(v); });
  add_unary(cases, "hyperbolic_tangent", hyperbolic_tangent, [](double v) { return std::tanh(v); });
  add_unary(cases, "square", square, [](double v) { return v * v; });
  add_unary(
      cases, "affine", [](const Tensor& x) { return affine(x, -1.5, 0.25); },
      [](double v) { return -1.5 * v + 0.25; });
  add_binary(cases, "add", add, [](double a, double b) { return a + b; });
  add_binary(cases, "subtract", subtract, [](double a, double b) { return a - b; });
  add_binary(cases, "multiply", multiply, [](double a, double b) { return a * b; });
  add_binary(
      cases, "divide", divide, [](double a, double b) { return a / b; }, Draw::nonzero);
  add_unary(cases, "sigmoid", sigmoid, [](double v) { return 1 / (1 + std::exp(-v)); });
  add_unary(
      cases, "absolute", absolute, [](double v) { return std::abs(v); }, Draw::signed_with_ties, true);
  add_unary(
      cases, "clamp", [](const Tensor& x) { return clamp(x, -0.5, 0.7); },
      [](double v) { return smaller(larger(v, -0.5), 0.7); }, Draw::signed_with_ties, true);
  add_binary(cases, "maximum", maximum, larger, Draw::signed_with_ties, true);
  add_binary(cases, "minimum", minimum, smaller, Draw::signed_with_ties, true);
  add_binary(
      cases, "greater", greater, [](double a, double b) { return a > b ? 1.0 : 0.0; }, Draw::signed_with_ties,
      false, true);
  add_where_case(cases);
  cases.push_back({.name = "gate",
                   .inputs = {{{3, 5}}, {.shape = {3, 5}, .constant = true}},
                   .op = [](const Ts& x) { return gate(x[0], x[1]); },
                   .oracle =
                       [](const Vs& x) {
                         Values y;
                         for (std::size_t i = 0; i < 15; ++i) y.push_back(x[1][i] > 0 ? x[0][i] : 0);
                         return y;
                       },
                   .paper = activations(2)});
}

}  // namespace stillpoint

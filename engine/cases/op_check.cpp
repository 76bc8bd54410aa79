// Checks an op against its oracle, its gradients, and its second derivatives.
#include "engine/cases/op_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace stillpoint {
namespace {

std::vector<Values> draw_all(const OpCase& c, bool away_from_zero) {
  std::vector<Values> values;
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    values.push_back(draw_values(c.inputs[i], 100 + i, away_from_zero));
  return values;
}

double norm(const Values& x) {
  double total = 0;
  for (double v : x) total += v * v;
  return std::sqrt(total);
}

double distance(const Values& a, const Values& b) {
  if (a.size() != b.size()) return std::numeric_limits<double>::quiet_NaN();
  Values d;
  for (std::size_t i = 0; i < a.size(); ++i) d.push_back(a[i] - b[i]);
  return norm(d);
}

// Returns a fixed direction in the space of an op's output.
Tensor direction(const Tensor& like, std::uint64_t stream) {
  return Tensor::from(draw_values({like.shape(), Draw::nonzero}, stream, true), like.shape(), like.options());
}

double dot(const Tensor& a, const Tensor& b) { return sum(multiply(a, b)).item(); }

std::vector<std::size_t> differentiable(const OpCase& c) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < c.inputs.size(); ++i)
    if (!c.inputs[i].constant && c.inputs[i].draw != Draw::ids) out.push_back(i);
  return out;
}

std::vector<Tensor> pick(const std::vector<Tensor>& x, const std::vector<std::size_t>& places) {
  std::vector<Tensor> out;
  for (std::size_t i : places) out.push_back(x[i]);
  return out;
}

// Returns the elements of an input whose derivative is checked: all of a small one, a spread of a large one.
std::vector<std::size_t> sampled(std::size_t size) {
  std::vector<std::size_t> out;
  const std::size_t stride = std::max<std::size_t>(1, size / 40);
  for (std::size_t i = 0; i < size; i += stride) out.push_back(i);
  return out;
}

// Compares the gradients of the scalar function f with central differences, relative to the gradient's norm.
std::vector<OpCheck> against_differences(const OpCase& c, const std::vector<Values>& values,
                                         const std::function<double(const std::vector<Tensor>&)>& f,
                                         const std::vector<Tensor>& gradients) {
  constexpr double step = 1e-5;
  const std::vector<std::size_t> places = differentiable(c);
  std::vector<OpCheck> checks;
  for (std::size_t g = 0; g < places.size(); ++g) {
    const Values analytic = gradients[g].values();
    Values found, expected;
    for (std::size_t i : sampled(analytic.size())) {
      std::vector<Values> up = values, down = values;
      up[places[g]][i] += step;
      down[places[g]][i] -= step;
      const double difference =
          f(make_inputs(c, up, {DType::float64})) - f(make_inputs(c, down, {DType::float64}));
      expected.push_back(difference / (2 * step));
      found.push_back(analytic[i]);
    }
    checks.push_back({text(c.name, ", input ", places[g]), distance(found, expected),
                      1e-6 * std::max(1.0, norm(expected))});
  }
  return checks;
}

double epsilon(DType dtype, kernels::Precision precision) {
  if (dtype == DType::float64) return std::numeric_limits<double>::epsilon();
  switch (precision) {
    case kernels::Precision::tf32:
      return 0x1p-10;
    case kernels::Precision::bf16:
      return 0x1p-7;
    case kernels::Precision::float32:
      break;
  }
  return std::numeric_limits<float>::epsilon();
}

// The results of f in a precision, and the eps of their allowed error.
struct Rounded {
  std::vector<Values> results;
  double eps;
};
Rounded rounded(DType dtype, kernels::Precision precision, const std::function<std::vector<Values>()>& f) {
  const auto in = [&](kernels::Precision p) {
    const kernels::ScopedPrecision scope(p);
    return f();
  };
  std::vector<Values> results = in(precision);
  const bool changed = precision != kernels::Precision::float32 && in(kernels::Precision::float32) != results;
  return {std::move(results), epsilon(dtype, changed ? precision : kernels::Precision::float32)};
}

// Keeps the largest ratio so far; a NaN stays.
void keep_worst(double& worst, double ratio) {
  if (!(ratio <= worst)) worst = ratio;
}

constexpr DType real_types[] = {DType::float64, DType::float32};

}  // namespace

std::vector<OpCheck> check_values(const OpCase& c, Device device, kernels::Precision precision) {
  const std::vector<Values> values = draw_all(c, false);
  const Values expected = c.oracle(values);
  std::vector<OpCheck> checks;
  for (const DType dtype : real_types) {
    const auto [found, eps] = rounded(dtype, precision, [&] {
      return std::vector<Values>{c.op(make_inputs(c, values, {dtype, device})).values()};
    });
    checks.push_back({text(c.name, " in ", name_of(dtype), " on ", name_of(device)),
                      distance(found[0], expected),
                      16 * eps * std::sqrt(double(c.terms)) * std::max(1.0, norm(expected))});
  }
  return checks;
}

std::vector<OpCheck> check_gradients(const OpCase& c, Device device, kernels::Precision precision) {
  if (differentiable(c).empty()) return {};
  const std::vector<Values> values = draw_all(c, c.kinked);
  const auto gradients = [&](TensorOptions options) {
    const std::vector<Tensor> x = make_inputs(c, values, options);
    const Tensor y = c.op(x);
    std::vector<Values> found;
    for (const Tensor& g : grad(y, pick(x, differentiable(c)), direction(y, 7))) found.push_back(g.values());
    return found;
  };
  const std::vector<Values> expected = gradients({DType::float64, Device::cpu});
  std::vector<OpCheck> checks;
  for (const DType dtype : real_types) {
    const auto [found, eps] = rounded(dtype, precision, [&] { return gradients({dtype, device}); });
    for (std::size_t i = 0; i < found.size(); ++i)
      checks.push_back({text(c.name, " gradient ", i, " in ", name_of(dtype), " on ", name_of(device)),
                        distance(found[i], expected[i]),
                        64 * eps * std::sqrt(double(c.terms)) * std::max(1.0, norm(expected[i]))});
  }
  return checks;
}

std::vector<OpCheck> check_nan(const OpCase& c, Device device) {
  std::vector<OpCheck> checks;
  for (const std::size_t i : differentiable(c)) {
    std::vector<Values> values = draw_all(c, false);
    values[i][values[i].size() / 2] = std::numeric_limits<double>::quiet_NaN();
    const Values expected = c.oracle(values),
                 found = c.op(make_inputs(c, values, {DType::float32, device})).values();
    double lost = 0;
    for (std::size_t j = 0; j < expected.size(); ++j)
      lost += std::isnan(expected[j]) && !std::isnan(found[j]) ? 1 : 0;
    checks.push_back({text(c.name, ", NaN in input ", i, " on ", name_of(device)), lost, 0});
  }
  return checks;
}

std::vector<OpCheck> check_extremes(const OpCase& c, Device device) {
  if (c.extremes.empty()) return {};
  const Shape shape{Index(c.extremes.size())};
  std::vector<OpCheck> checks;
  for (const DType dtype : real_types) {
    const double eps = epsilon(dtype, {});
    const Tensor x = Tensor::from(c.extremes, shape, {dtype, device}).variable();
    const Values at = x.values(), expected = c.oracle({at}), found = c.op({x}).values();
    double worst = 0;
    for (std::size_t i = 0; i < at.size(); ++i)
      keep_worst(worst, std::abs(found[i] - expected[i]) / (64 * eps * std::abs(expected[i])));
    checks.push_back(
        {text(c.name, " at its extremes in ", name_of(dtype), " on ", name_of(device)), worst, 1});
    if (dtype != DType::float64) continue;
    const Values slope = grad(c.op({x}), {x}, Tensor::full(shape, 1, x.options()))[0].values();
    worst = 0;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const double h = 1e-4 * std::min(1.0, std::abs(at[i]));
      const Values around = c.oracle({{at[i] + h, at[i] - h}});
      const double difference = (around[0] - around[1]) / (2 * h),
                   rounding = 16 * eps * std::abs(expected[i]) / h;
      keep_worst(worst, std::abs(slope[i] - difference) / (1e-3 * std::abs(difference) + rounding));
    }
    checks.push_back({text(c.name, " gradient at its extremes on ", name_of(device)), worst, 1});
  }
  return checks;
}

std::vector<OpCheck> check_by_differences(const OpCase& c) {
  if (differentiable(c).empty()) return {};
  const std::vector<Values> values = draw_all(c, c.kinked);
  const std::vector<Tensor> x = make_inputs(c, values, {DType::float64});
  const Tensor y = c.op(x);
  const Tensor u = direction(y, 7);
  const auto f = [&](const std::vector<Tensor>& at) { return dot(c.op(at), u); };
  return against_differences(c, values, f, grad(y, pick(x, differentiable(c)), u));
}

std::vector<OpCheck> check_second_order(const OpCase& c) {
  if (!c.second_order || differentiable(c).empty()) return {};
  const std::vector<Values> values = draw_all(c, c.kinked);
  const auto places = differentiable(c);
  // Returns <v, gradient> with a fixed v per input, recorded or not.
  const auto contracted = [&](const std::vector<Tensor>& at, bool record_it) {
    const Tensor y = c.op(at);
    const Tensor seed = direction(y, 7);
    const std::vector<Tensor> g =
        grad(y, pick(at, places), record_it ? seed.variable() : seed, {.create_graph = record_it});
    Tensor total;
    for (std::size_t i = 0; i < g.size(); ++i) {
      const Tensor term = sum(multiply(g[i], direction(g[i], 20 + i)));
      total = total.defined() ? add(total, term) : term;
    }
    return total;
  };
  const std::vector<Tensor> x = make_inputs(c, values, {DType::float64});
  const std::vector<Tensor> second = grad(contracted(x, true), pick(x, places), {}, {.allow_unused = true});
  return against_differences(
      c, values, [&](const std::vector<Tensor>& at) { return contracted(at, false).item(); }, second);
}

}  // namespace stillpoint

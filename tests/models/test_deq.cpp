// Tests the DEQ-Transformer: parameters, its cell against an independent model's values, causality,
// gradients, reports.
#include <cmath>
#include <set>

#include "engine/cases/op_cases.h"
#include "models/deq.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"

namespace stillpoint {
namespace {

constexpr TensorOptions real{DType::float64, Device::cpu};

// Returns s sin(a (i+1)) at element i of a matrix (rows,columns), or its transpose.
Tensor wave(Index rows, Index columns, double a, double s, bool transposed = false) {
  std::vector<double> values(std::size_t(rows * columns));
  for (Index i = 0; i < rows * columns; ++i)
    values[std::size_t(transposed ? i % columns * rows + i / columns : i)] = s * std::sin(a * double(i + 1));
  return Tensor::from(values, transposed ? Shape{columns, rows} : Shape{rows, columns}, real);
}

DeqCell golden_cell() {
  return {.u = reshape(wave(12, 3, .17, .2, true), {1, 3, 12}),
          .r = linear(position_code(3, 4, real), wave(4, 4, .53, .3)),
          .b_w = wave(2, 2, .2, .05),
          .b_r = wave(2, 2, .25, .05),
          .w_qkv = wave(12, 4, .37, .3),
          .w_o = wave(4, 4, .71, .3),
          .b_o = reshape(wave(1, 4, .3, .1), {4}),
          .w_1 = wave(4, 4, .91, .3),
          .b_1 = reshape(wave(1, 4, .4, .1), {4}),
          .w_2 = wave(4, 4, 1.13, .3),
          .b_2 = reshape(wave(1, 4, .6, .1), {4})};
}

// Compares z (1,3,4) with rows of channels.
void check_channels(const Tensor& z, const std::vector<double>& expected) {
  const std::vector<double> values = z.values();
  for (std::size_t c = 0; c < 4; ++c)
    for (std::size_t p = 0; p < 3; ++p) {
      INFO("channel " << c << ", position " << p);
      CHECK(values[p * 4 + c] == Approx(expected[c * 3 + p]).margin(1e-8));
    }
}

DeqTransformer small_model(const DeqConfig& config, TensorOptions options = real) {
  Initializer init(3, options);
  return DeqTransformer(init, config, 10);
}

Tensor some_ids(Index samples, Index length) {
  std::vector<std::int32_t> ids;
  for (Index i = 0; i < samples * length; ++i) ids.push_back(std::int32_t(i * i % 10));
  return Tensor::from(ids, {samples, length});
}

std::vector<Tensor> gradients(const DeqConfig& config, Index length = 12) {
  DeqTransformer model = small_model(config);
  const DeqValue value = model.value(some_ids(2, length));
  const Tensor loss = mean(square(value.logits + Tensor::full(value.logits.shape(), 0.3, real)));
  return grad(loss, params_of(model).tensors());
}

double relative_error(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    error += sum(square(a[i] - b[i])).item();
    norm += sum(square(b[i])).item();
  }
  return std::sqrt(error / norm);
}

}  // namespace

TEST_CASE("the DEQ-Transformer of copy memory has the paper's 17,010 parameters", "[deq]") {
  DeqTransformer model = small_model({});
  const ParamList params = params_of(model);
  const std::vector<std::pair<std::string, Index>> expected{
      {"embedding", 10 * 40}, {"inject.w", 120 * 40}, {"inject.b", 120}, {"qkv.v", 120 * 40},
      {"qkv.g", 120},         {"r.v", 40 * 40},       {"r.g", 40},       {"b_w", 8 * 5},
      {"b_r", 8 * 5},         {"o.v", 40 * 40},       {"o.g", 40},       {"o.b", 40},
      {"ffn.0.v", 40 * 40},   {"ffn.0.g", 40},        {"ffn.0.b", 40},   {"ffn.1.v", 40 * 40},
      {"ffn.1.g", 40},        {"ffn.1.b", 40},        {"out.b", 10}};
  REQUIRE(params.trainable().size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(params.trainable()[i].name == expected[i].first);
    CHECK(params.trainable()[i].tensor.size() == expected[i].second);
  }
  CHECK(params.count() == 17010);
  DeqTransformer plain = small_model({.weight_norm = false});
  CHECK(params_of(plain).count() == 16730);
}

TEST_CASE("the DEQ-Transformer's cell has the values of an independent model", "[deq]") {
  const DeqCell f = golden_cell();
  check_channels(f(reshape(wave(4, 3, .23, .5, true), {1, 3, 4})),
                 {-1.53911981, -1.51056685, -1.1776508, 1.07791968, 1.37959212, 1.67150398, -.13970675,
                  -.12805857, -.07192464, .85677007, .5182896, -.11969712});
  const std::unique_ptr<SolveMethod> method = broyden();
  const Solution fixed =
      solve(f, Tensor::zeros({1, 3, 4}, real), *method, {.max_steps = 60, .tolerance = 1e-11});
  CHECK(fixed.report.converged);
  check_channels(fixed.z, {-1.32092421, -1.33620661, -1.35177094, 1.53317111, 1.53838911, 1.54279577,
                           -.36177034, -.32725517, -.28975456, .41903737, .39433852, .36797558});
}

TEST_CASE("weights without a norm of their own start small", "[deq]") {
  Initializer init(3);
  const WeightNormLinear with(init, 40, 120, true, false), without(init, 40, 120, false, false);
  const auto deviation = [](const Tensor& v) { return std::sqrt(mean(square(v)).item()); };
  CHECK(deviation(with.v) == Approx(1 / std::sqrt(3.0 * 40)).epsilon(.05));
  CHECK(deviation(without.v) == Approx(.01).epsilon(.05));
}

TEST_CASE("position codes are sines, then cosines", "[deq]") {
  const std::vector<double> code = position_code(2, 40, real).values();
  CHECK(code[0] == 0.0);
  CHECK(code[20] == 1.0);
  const double frequencies[][2] = {{0, 1}, {1, .6309573445}, {2, .3981071706}, {19, 1.584893192e-4}};
  for (const auto& [k, w] : frequencies) {
    CHECK(code[40 + std::size_t(k)] == Approx(std::sin(w)).epsilon(1e-9));
    CHECK(code[60 + std::size_t(k)] == Approx(std::cos(w)).epsilon(1e-9));
  }
  CHECK_THROWS_WITH(position_code(2, 5, real), mentions("5 features", "even"));
  CHECK_THROWS_WITH(small_model({.d = 40, .heads = 7}), mentions("7 heads", "divide"));
}

TEST_CASE("a later token changes no earlier logit", "[deq]") {
  const DeqTransformer model = small_model({.steps = 8, .tolerance = 0});
  const Recording off(false);
  std::vector<std::int32_t> ids(20, 3);
  // Broyden's steps depend on the norm over all positions; each plain step is causal.
  const DeqCell f = model.cell(Tensor::from(ids, {1, 20}));
  ids[11] = 7;
  const DeqCell other = model.cell(Tensor::from(ids, {1, 20}));
  Tensor z = Tensor::zeros({1, 20, 40}, real), w = z;
  for (int k = 0; k < 4; ++k) {
    z = f(z);
    w = other(w);
  }
  const std::vector<double> a = model.logits(z).values(), b = model.logits(w).values();
  for (std::size_t i = 0; i < 110; ++i) CHECK(a[i] == b[i]);
  for (std::size_t p = 11; p < 20; ++p) {
    bool differs = false;
    for (std::size_t c = 0; c < 10; ++c) differs = differs || a[p * 10 + c] != b[p * 10 + c];
    CHECK(differs);
  }
}

TEST_CASE("the DEQ-Transformer's gradients agree with those of the unrolled solve", "[deq]") {
  const DeqConfig unrolled{.gradient = "unrolled", .gradient_steps = 450};
  const std::vector<Tensor> reference = gradients(unrolled);
  const DeqConfig exact{.steps = 250, .adjoint_steps = 250, .tolerance = 1e-12, .adjoint_tolerance = 1e-12};
  CHECK(relative_error(gradients(exact), reference) < 1e-8);
  for (const char* solver : {"anderson", "picard"}) {
    DeqConfig other = exact;
    other.solver = other.adjoint_solver = solver;
    other.steps = other.adjoint_steps = 450;
    INFO(solver);
    CHECK(relative_error(gradients(other), reference) < 1e-8);
  }
  DeqConfig phantom = exact;
  phantom.gradient = "phantom";
  phantom.gradient_steps = 150;
  phantom.gradient_damping = 1;
  CHECK(relative_error(gradients(phantom), reference) < 1e-4);
  DeqConfig jfb = exact;
  jfb.gradient = "jfb";
  const double far = relative_error(gradients(jfb), reference);
  CHECK(far < 1);
  CHECK(far > 1e-3);
}

TEST_CASE("the DEQ-Transformer's reversible steps have the gradients of their recording", "[deq]") {
  const DeqConfig config{.gradient = "reversible", .gradient_steps = 8, .gradient_damping = 0.3};
  DeqTransformer model = small_model(config);
  const std::vector<Tensor> params = params_of(model).tensors();
  const Tensor ids = some_ids(2, 9);
  const std::vector<Tensor> actual = grad(mean(square(model(ids))), params);
  const DeqCell f = model.cell(ids);
  Tensor y = Tensor::zeros({2, 9, 40}, real), z = y;
  for (int k = 0; k < 8; ++k) {
    y = damped(y, f(z), 0.3);
    z = damped(z, f(y), 0.3);
  }
  CHECK(relative_error(actual, grad(mean(square(model.logits(z))), params)) < 1e-13);
}

TEST_CASE("the DEQ-Transformer reports what its solvers did", "[deq]") {
  DeqTransformer model =
      small_model({.steps = 9, .adjoint_steps = 7, .tolerance = 0, .adjoint_tolerance = 0});
  const DeqValue value = model.value(some_ids(2, 10));
  const SolveReport forward = value.solution.forward.read();
  CHECK(forward.steps == 9);
  CHECK(forward.samples.size() == 2);
  CHECK(forward.residual > 0);
  CHECK_FALSE(value.penalty.defined());
  grad(mean(square(value.logits)), params_of(model).tensors());
  CHECK(value.solution.adjoint->read().steps == 7);
}

TEST_CASE("updates count one evaluation more than evaluations", "[deq]") {
  for (const char* solver : {"broyden", "anderson"}) {
    DeqConfig config{
        .solver = solver, .adjoint_solver = solver, .steps = 9, .adjoint_steps = 7, .tolerance = 0};
    config.adjoint_tolerance = 0;
    const std::vector<Tensor> ten = gradients([&] {
      DeqConfig longer = config;
      longer.steps = 10;
      longer.adjoint_steps = 8;
      return longer;
    }());
    config.counted_steps = "updates";
    const std::vector<Tensor> updates = gradients(config);
    for (std::size_t i = 0; i < ten.size(); ++i) CHECK(updates[i].values() == ten[i].values());
  }
}

TEST_CASE("the settings of Anderson's lambda reach the solver", "[deq]") {
  const Tensor ids = some_ids(2, 10), z0 = Tensor::zeros({2, 10, 40}, real);
  std::set<double> residuals;
  for (const bool relative : {true, false})
    for (const double lambda : {1e-4, 1.0}) {
      const DeqTransformer model = small_model({.solver = "anderson",
                                                .steps = 12,
                                                .tolerance = 0,
                                                .anderson_regularisation = lambda,
                                                .anderson_scale = relative ? "relative" : "absolute"});
      const auto method = anderson({.regularisation = lambda, .relative = relative});
      const Solution expected = solve(model.cell(ids), z0, *method, {.max_steps = 12, .tolerance = 0});
      const double residual = model.value(ids).solution.forward.read().residual;
      CHECK(residual == expected.report.residual);
      residuals.insert(residual);
    }
  CHECK(residuals.size() == 4);
}

TEST_CASE("the Jacobian's penalty lowers the Jacobian", "[deq]") {
  DeqTransformer model = small_model({.jacobian_weight = 2.5});
  const Tensor ids = some_ids(1, 6);
  const Tensor probe = Tensor::from(draw_values({{1, 6, 40}, Draw::nonzero}, 7, true), {1, 6, 40}, real);
  const DeqValue value = model.value(ids, probe);
  REQUIRE(value.penalty.defined());
  const std::vector<Tensor> params = params_of(model).tensors();
  const std::vector<Tensor> g = grad(value.penalty, params, {}, {.allow_unused = true});
  // Steps against the gradient, with the equilibrium held fixed.
  const Tensor z = value.solution.z.detach();
  const auto penalty = [&](double step) {
    DeqTransformer moved = model;
    moved.qkv.v = clone(model.qkv.v.detach() - affine(g[3], step, 0));
    return 2.5 * [&] {
      const DeqCell f = moved.cell(ids);
      const Tensor at = z.variable();
      return mean(square(grad(f(at), {at}, probe)[0])).item();
    }();
  };
  CHECK(penalty(0) == Approx(value.penalty.item()).epsilon(1e-12));
  const double slope = sum(square(g[3])).item(), h = 1e-4 / std::sqrt(slope);
  CHECK((penalty(-h) - penalty(h)) / (2 * h) == Approx(slope).epsilon(1e-4));
}

}  // namespace stillpoint

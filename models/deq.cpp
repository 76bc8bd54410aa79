// The DEQ-Transformer's cell and the choice of its solvers.
#include "models/deq.h"

#include <cmath>

#include "engine/ops/fused_sums.h"
#include "models/model_family.h"
#include "solvers/fixed_point/jacobian.h"

namespace stillpoint {
namespace {

constexpr double deviation = 0.01;  // of the initial weights that are not normalised

// The evaluations of a solve of `steps` evaluations or updates. An update needs an evaluation on both sides.
Index evaluations(const DeqConfig& c, Index steps) { return steps + (c.counted_steps == "updates" ? 1 : 0); }

MakeMethod method_named(const std::string& name, Index steps, const DeqConfig& c, bool line_search) {
  const AndersonOptions mixing{.regularisation = c.anderson_regularisation,
                               .relative = c.anderson_scale == "relative",
                               .beta = c.anderson_beta};
  if (name == "anderson") return [mixing] { return anderson(mixing); };
  if (name == "picard") return [] { return picard(); };
  const Index memory = std::max<Index>(1, steps);
  if (name == "gmres") return [memory] { return gmres({.memory = memory}); };
  return [memory, line_search] { return broyden({.memory = memory, .line_search = line_search}); };
}

EquilibriumOptions options_of(const DeqConfig& c, const DeqCell& cell, const Tensor& z0) {
  const Index check = z0.device() == Device::cpu ? 1 : c.check_every;
  const Index steps = evaluations(c, c.steps), adjoint_steps = evaluations(c, c.adjoint_steps);
  EquilibriumOptions o{.forward = method_named(c.solver, steps, c, c.line_search),
                       .solve = {.max_steps = steps,
                                 .tolerance = c.tolerance * std::sqrt(double(z0.size() / z0.dim(0))),
                                 .check_every = check},
                       .adjoint = method_named(c.adjoint_solver, adjoint_steps, c, false),
                       .adjoint_solve = {.max_steps = adjoint_steps,
                                         .tolerance = c.adjoint_tolerance,
                                         .relative = true,
                                         .check_every = check},
                       .reuse_inverse = c.reuse_inverse,
                       .steps = c.gradient == "jfb" ? 1 : c.gradient_steps,
                       .damping = c.gradient == "jfb" ? 1 : c.gradient_damping};
  if (c.gradient == "phantom" || c.gradient == "jfb") o.gradient = EquilibriumGradient::phantom;
  if (c.gradient == "unrolled") o.gradient = EquilibriumGradient::unrolled;
  if (c.gradient == "reversible") o.gradient = EquilibriumGradient::reversible;
  for (const Tensor& t : cell.tensors())
    if (t.requires_grad()) o.parameters.push_back(t);
  return o;
}

}  // namespace

WeightNormLinear::WeightNormLinear(Initializer& init, Index in, Index out, bool with_norm, bool with_bias)
    : v(with_norm ? init.uniform_fan_in({out, in}, in) : init.normal({out, in}, deviation)) {
  if (with_norm) g = initial_gain(v);
  if (with_bias) b = init.fill({out}, 0);
}

Tensor DeqCell::operator()(const Tensor& z) const {
  const Tensor qkv = linear_plus(layer_norm(z), w_qkv, {}, u);
  const Tensor h = layer_norm(linear_plus(relative_attention(qkv, r, b_w, b_r), w_o, b_o, z));
  return linear_plus(linear_relu(h, w_1, b_1), w_2, b_2, h);
}

Tensor position_code(Index length, Index d, TensorOptions options) {
  require(d % 2 == 0, "position_code: given ", d, " features, expected an even number, change deq_features");
  std::vector<double> code;
  code.reserve(std::size_t(length * d));
  for (Index p = 0; p < length; ++p)
    for (Index i = 0; i < d; ++i) {
      const double angle = double(p) * std::pow(10000.0, -2.0 * double(i % (d / 2)) / double(d));
      code.push_back(i < d / 2 ? std::sin(angle) : std::cos(angle));
    }
  return Tensor::from(code, {length, d}, options);
}

DeqTransformer::DeqTransformer(Initializer& init, const DeqConfig& config, const Ends& ends)
    : config_(config) {
  const Index d = config.d, heads = config.heads;
  require(d % heads == 0, "deq: given ", d, " features and ", heads,
          " heads, expected the heads to divide the features, change deq_features or deq_heads");
  if (ends.tokens > 0)
    embedding = init.normal({ends.tokens, d}, deviation);
  else
    input = Linear(init, ends.channels, d);
  inject.w = init.normal({3 * d, d}, deviation);
  inject.b = init.fill({3 * d}, 0);
  const bool norm = config.weight_norm;
  qkv = WeightNormLinear(init, d, 3 * d, norm, false);
  r = WeightNormLinear(init, d, d, norm, false);
  b_w = init.normal({heads, d / heads}, deviation);
  b_r = init.normal({heads, d / heads}, deviation);
  o = WeightNormLinear(init, d, d, norm, true);
  first = WeightNormLinear(init, d, config.inner, norm, true);
  second = WeightNormLinear(init, config.inner, d, norm, true);
  if (ends.tokens != ends.outputs) out = init.normal({ends.outputs, d}, deviation);
  out_bias = init.fill({ends.outputs}, 0);
}

DeqCell DeqTransformer::cell(const Tensor& x) const {
  const bool tokens = embedding.defined();
  require(x.rank() == (tokens ? 2 : 3), "deq: given ", tokens ? "token ids" : "numbers", " of shape ",
          to_text(x.shape()), ", expected (batch, ", tokens ? "" : "channels, ", "length), reshape them");
  const Index d = config_.d, length = x.dim(-1);
  if (!code_.defined() || code_.dim(0) != length) code_ = position_code(length, d, out_bias.options());
  const Tensor states =
      tokens ? affine(stillpoint::embedding(embedding, reshape(x, {-1})), std::sqrt(double(d)), 0)
             : input(reshape(permute(x, {0, 2, 1}), {-1, x.dim(1)}));
  return {.u = reshape(inject(states), {x.dim(0), length, 3 * d}),
          .r = linear(code_, r.weight()),
          .b_w = b_w,
          .b_r = b_r,
          .w_qkv = qkv.weight(),
          .w_o = o.weight(),
          .b_o = o.b,
          .w_1 = first.weight(),
          .b_1 = first.b,
          .w_2 = second.weight(),
          .b_2 = second.b};
}

Tensor DeqTransformer::logits(const Tensor& z) const {
  return linear(reshape(z, {-1, config_.d}), out.defined() ? out : embedding, out_bias);
}

DeqValue DeqTransformer::value(const Tensor& x, const Tensor& probe) const {
  const DeqCell f = cell(x);
  const Tensor z0 = Tensor::zeros({x.dim(0), x.dim(-1), config_.d}, out_bias.options());
  DeqValue value{{}, {}, equilibrium(f, z0, options_of(config_, f, z0))};
  value.logits = logits(value.solution.z);
  if (config_.jacobian_weight > 0 && Recording::on())
    value.penalty = affine(jacobian_penalty(f, value.solution.z.detach(), probe), config_.jacobian_weight, 0);
  return value;
}

namespace {

class DeqModel : public ModelOf<DeqTransformer> {
 public:
  DeqModel(DeqTransformer model, const DeqConfig& config) : ModelOf(std::move(model)), config_(config) {}
  ModelFacts facts() const override {
    const bool penalised = config_.jacobian_weight != 0;
    // The penalty's second derivative copies masks from the host, which a graph cannot record.
    return {.tokens = model_.embedding.defined(),
            .solves = true,
            .recordable = config_.check_every == 0 && !penalised,
            .noise = penalised ? config_.d : 0};
  }
  Value train(const Tensor& x, const Tensor& noise) override {
    reports_ = {};  // frees its memory first, so that every recorded step uses the same memory
    const DeqValue value = model_.value(x, noise);
    reports_ = {value.solution.forward, value.solution.adjoint, {}, value.solution.z.detach()};
    return {value.logits, value.penalty};
  }
  std::optional<SolverReports> reports() const override { return reports_; }

 private:
  DeqConfig config_;
  SolverReports reports_;
};

// From the model's own initial values 30 evaluations do not solve the equilibrium, and programs that round
// differently part by 3e-3 in the second loss. From these the solves end at rounding, and losses agree.
Benchmark benchmark() {
  return {.sim = "single",
          .clip = 0.25,
          .width = {"deq_features", "deq_inner"},
          .methods = {"solver", "adjoint_solver"},
          .evaluations = {"solver_steps", "adjoint_steps"},
          .tolerances = {"solver_tolerance", "adjoint_tolerance"},
          .checks = {"check_every"},
          .usual_evaluations = 30,
          .scaled = {{"embedding", 30},
                     {"inject.w", 30},
                     {"b_w", 30},
                     {"b_r", 30},
                     {"qkv.g", 0.6},
                     {"r.g", 0.6},
                     {"o.g", 0.6},
                     {"ffn.0.g", 0.6},
                     {"ffn.1.g", 0.6}}};
}

}  // namespace

void add_deq_transformer(ModelFamily& family) {
  family.add<DeqConfig>(
      {.name = "deq",
       .summary = "the DEQ-Transformer",
       .make =
           [](Initializer& init, const ModelShape& shape, const DeqConfig& config) {
             const Index tokens = shape.input.empty() ? shape.outputs : shape.tokens;
             const Index channels = shape.input.empty() ? 0 : shape.input[0];
             return std::make_unique<DeqModel>(
                 DeqTransformer(init, config, {tokens, channels, shape.outputs}), config);
           },
       .uses = {{{"solver", "solver_steps", "solver_tolerance", "line_search"},
                 {"gradient"},
                 {"implicit", "phantom", "jfb"}},
                {{"adjoint_solver", "adjoint_steps", "adjoint_tolerance", "reuse_inverse"},
                 {"gradient"},
                 {"implicit"}},
                {{"gradient_steps"}, {"gradient"}, {"phantom", "unrolled", "reversible"}},
                {{"gradient_damping"}, {"gradient"}, {"phantom", "reversible"}},
                {{"line_search", "reuse_inverse"}, {"solver"}, {"broyden"}},
                {{"solver_counts"}, {"gradient"}, {"implicit", "phantom", "jfb"}},
                {{"anderson_beta", "anderson_regularisation", "anderson_scale"},
                 {"solver", "adjoint_solver"},
                 {"anderson"}}},
       // Longer solves would amplify rounding, because the history of Broyden's method decides its next step.
       .small = {{"solver_steps", 6}, {"adjoint_steps", 6}},
       .bench = benchmark()});
}

}  // namespace stillpoint

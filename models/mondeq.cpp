// The maps W z + U x + b of the monotone operator networks, and their heads.
#include "models/mondeq.h"

#include <algorithm>
#include <charconv>

#include "engine/ops.h"
#include "models/model_family.h"

namespace stillpoint {
namespace {

constexpr Conv2dOptions around{.padding = 1, .circular = true};
constexpr Conv2dOptions sampled{.stride = 2, .padding = 1, .circular = true};
constexpr double least_gain = 1e-6;
constexpr Index pooled = 4;

StepSize initial_step(double alpha) { return {Tensor::full({1}, alpha, {DType::float64, Device::cpu})}; }

SplittingOptions splitting_options(const MonDeqConfig& c, double alpha, Device device) {
  return {.method = splitting_method_named(c.solver),
          .alpha = alpha,
          .tolerance = c.tolerance,
          .max_iterations = c.max_iterations,
          .check_every = device == Device::cpu ? 1 : c.check_every,
          .adjoint_product = c.adjoint_product};
}

ResolventOptions resolvent_options(const MonDeqConfig& c, double alpha) {
  return {alpha, splitting_method_named(c.solver) == SplittingMethod::peaceman_rachford};
}

// gain w / ||w||_F.
Tensor normalised(const Tensor& w, const Tensor& gain) {
  return w * reshape(gain / square_root(sum(square(w))), Shape(std::size_t(w.rank()), 1));
}

// max(g, least_gain).
Tensor safe_gain(const Tensor& g) { return affine(relu(affine(g, 1, -least_gain)), 1, least_gain); }

// Returns the kernel whose circular convolution is the transpose of the one by w (c,c,3,3): the channels are
// exchanged and both axes reversed.
Tensor transposed_kernel(const Tensor& w) {
  const Index c = w.dim(0);
  std::vector<std::int32_t> reversed;
  for (std::int32_t t = 8; t >= 0; --t) reversed.push_back(t);
  const Tensor ids = Tensor::from(reversed, {9}, w.device());
  const Tensor by_tap = reshape(permute(reshape(w, {c, c, 9}), {2, 1, 0}), {9, c * c});
  return reshape(permute(reshape(embedding(by_tap, ids), {9, c, c}), {1, 2, 0}), {c, c, 3, 3});
}

Tensor with_frame(const Tensor& x) {
  return pad(x, {0, 0, 1, 1}, {x.dim(0), x.dim(1), x.dim(2) + 2, x.dim(3) + 2});
}

// Returns (places,cells) with 1/16 where a place lies in a cell of 4 x 4. Rows and columns that are left over
// at the bottom and right are dropped.
Tensor pooling(Index side, TensorOptions options) {
  const Index cells = side / pooled;
  std::vector<double> values(std::size_t(side * side * cells * cells), 0.0);
  for (Index y = 0; y < cells * pooled; ++y)
    for (Index x = 0; x < cells * pooled; ++x)
      values[std::size_t((y * side + x) * cells * cells + y / pooled * cells + x / pooled)] =
          1.0 / double(pooled * pooled);
  return Tensor::from(values, {side * side, cells * cells}, options);
}

// Returns the iterations of a forward solve, or max_iterations if it does not converge.
Index forward_iterations(const MonotoneMap& f, const SplittingOperator& w, const SplittingOptions& options) {
  Parts bias;
  for (std::size_t i = 0; i < f.shapes.size(); ++i)
    bias.push_back(
        to_places(f.bias[i].defined() ? f.bias[i] : Tensor::zeros(f.shapes[i], f.bias[0].options())));
  const SampleReport report = solve_splitting(w, bias, options).report.read().samples[0];
  return report.status == SampleStatus::converged ? report.steps : options.max_iterations;
}

}  // namespace

std::vector<Index> parse_channels(const std::string& channels) {
  std::vector<Index> values;
  const char *at = channels.data(), *const end = at + channels.size();
  while (true) {
    Index value = 0;
    const auto [next, error] = std::from_chars(at, end, value);
    const bool last = next == end;
    constexpr std::size_t most_tiers = 16;
    require(error == std::errc() && value > 0 && value <= Index(most_wide) && (last || *next == ',') &&
                values.size() < most_tiers,
            "mondeq: given channels '", shown(channels), "', expected at most ", most_tiers,
            " numbers from 1 to ", Index(most_wide), " between commas, as in 81 or 16,32,60");
    values.push_back(value);
    if (last) return values;
    at = next + 1;
  }
}

std::string image_channels(const ModelShape& shape, const ImageChannels& usual) {
  const bool tiers = parse_channels(usual.grey).size() > 1;
  const std::string channels = shape.channels.empty() ? usual.of(shape.input[0]) : shape.channels;
  require(tiers == (parse_channels(channels).size() > 1), "image model: given channels ", channels,
          ", expected ", tiers ? "several numbers, as in 16,32,60" : "one number",
          ", change channels or model");
  return channels;
}

TierKernels MonDeqTier::kernels() const {
  const Tensor normal_b = normalised(b, h);
  TierKernels k{normalised(a, square_root(safe_gain(g))), normal_b - transposed_kernel(normal_b), {}};
  if (down.defined()) k.down = normalised(down, square_root(safe_gain(down_g)));
  return k;
}

Parts convolutional_product(const std::vector<TierKernels>& kernels, double m, const Parts& z) {
  Parts w;
  Tensor d;  // D z of the previous tier
  for (std::size_t i = 0; i < z.size(); ++i) {
    const TierKernels& k = kernels[i];
    const Shape& s = z[i].shape();
    Tensor v = conv2d(z[i], k.a, around);
    if (d.defined()) v = v + affine(pad(d, {0, 0, 0, 0}, v.shape()), 2, 0);
    Tensor y = conv2d(z[i], k.s, around) - conv2d_data_adjoint(v, k.a, {s[2], s[3]}, around);
    d = k.down.defined() ? conv2d(z[i], k.down, sampled) : Tensor();
    if (d.defined()) y = y - conv2d_data_adjoint(d, k.down, {s[2], s[3]}, sampled);
    w.push_back(m == 1 ? y : y + affine(z[i], 1 - m, 0));
  }
  return w;
}

ConvMonDeq::ConvMonDeq(Initializer& init, const MonDeqConfig& config, Index in_channels, Index side,
                       Index classes)
    : step(initial_step(config.alpha)), config_(config) {
  const std::vector<Index> channels = parse_channels(config.channels);
  require(side >= 1, "mondeq: given images of side ", side, ", expected at least 1, check the data");
  inject_w = init.uniform_fan_in({channels[0], in_channels, 3, 3}, 9 * in_channels);
  inject_b = init.uniform_fan_in({channels[0]}, 9 * in_channels);
  Index n = side + 2;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const Index c = channels[i];
    const bool last = i + 1 == channels.size();
    MonDeqTier tier;
    tier.a = init.uniform_fan_in({c, c, 3, 3}, 9 * c);
    tier.b = init.uniform_fan_in({c, c, 3, 3}, 9 * c);
    tier.g = init.fill({1}, 1);
    tier.h = init.fill({1}, 1);
    grids_.emplace_back(n, init.options());
    if (!last) {
      require(n % 2 == 0, "mondeq: given images of side ", side, " and ", channels.size(),
              " tiers, where tier ", i, " would have the odd side ", n,
              " and could not be halved, expected fewer tiers, or images of another size");
      tier.down = init.uniform_fan_in({channels[i + 1], c, 3, 3}, 9 * c);
      tier.down_g = init.fill({1}, 1);
      halves_.emplace_back(n / 2, init.options());
      n = n / 2 + 1;
    }
    tiers.push_back(tier);
  }
  if (channels.size() == 1) pool_ = pooling(n, init.options());
  const Index cells = channels.size() == 1 ? (n / pooled) * (n / pooled) : n * n;
  require(cells > 0, "mondeq: given images of side ", side, ", expected at least ", pooled - 2,
          ", choose larger ones");
  out = Linear(init, channels.back() * cells, classes);
}

SplittingOptions ConvMonDeq::splitting() const {
  return splitting_options(config_, step.get(), inject_w.device());
}

ConvMap ConvMonDeq::map(const Tensor& x) const {
  require(x.rank() == 4 && x.dim(1) == inject_w.dim(1) && x.dim(2) + 2 == grids_[0].side() &&
              x.dim(3) == x.dim(2),
          "mondeq: given images of shape ", to_text(x.shape()), ", expected (samples, ", inject_w.dim(1),
          ", ", grids_[0].side() - 2, ", ", grids_[0].side() - 2, "), check the data");
  ConvMap f;
  std::vector<TierKernels> kernels;
  for (std::size_t i = 0; i < tiers.size(); ++i) {
    const Index n = grids_[i].side();
    f.shapes.push_back({x.dim(0), tiers[i].a.dim(0), n, n});
    kernels.push_back(tiers[i].kernels());
    f.frequencies.push_back(
        std::make_shared<ConvolutionFrequencies>(grids_[i], kernels[i].a, kernels[i].s, config_.m));
  }
  f.bias.resize(tiers.size());
  f.bias[0] = conv2d(with_frame(x), inject_w, inject_b, around);
  if (tiers.size() == 1)
    f.product = [w = f.frequencies[0], k = kernels[0]](const Parts& z) {
      return Parts{frequency_convolution(w, z[0], k.a, k.s)};
    };
  else
    f.product = [kernels, m = config_.m](const Parts& z) { return convolutional_product(kernels, m, z); };
  return f;
}

std::shared_ptr<const SplittingOperator> ConvMonDeq::splitting_operator(const ConvMap& f) const {
  const Recording off(false);
  std::vector<TierKernels> kernels;
  for (const MonDeqTier& tier : tiers) kernels.push_back(tier.kernels());
  return std::make_shared<ConvolutionOperator>(f.frequencies, kernels, halves_,
                                               MonotoneProduct{f.product, f.shapes},
                                               resolvent_options(config_, step.get()));
}

MonDeqValue ConvMonDeq::value(const Tensor& x) const {
  const ConvMap f = map(x);
  MonDeqValue value{{}, monotone_equilibrium(f, splitting_operator(f), splitting())};
  value.logits = logits(value.solution.z);
  return value;
}

Tensor ConvMonDeq::logits(const Tensor& z) const {
  const Index n = z.dim(0), c = z.dim(1);
  if (!pool_.defined()) return out(reshape(z, {n, -1}));
  return out(reshape(matmul(reshape(z, {n * c, -1}), pool_), {n, -1}));
}

Index ConvMonDeq::iterations(const Tensor& x, double alpha) const {
  const Recording off(false);
  ConvMonDeq other = *this;
  other.step = initial_step(alpha);
  const ConvMap f = other.map(x);
  return forward_iterations(f, *other.splitting_operator(f), other.splitting());
}

DenseMonDeq::DenseMonDeq(Initializer& init, const MonDeqConfig& config, Index in, Index classes)
    : step(initial_step(config.alpha)), config_(config) {
  const std::vector<Index> channels = parse_channels(config.channels);
  require(channels.size() == 1, "mondeq: given channels '", config.channels,
          "' for a dense W, expected one number, as in 87");
  const Index n = channels[0];
  inject = Linear(init, in, n);
  a = init.uniform_fan_in({n, n}, n);
  b = init.uniform_fan_in({n, n}, n);
  out = Linear(init, n, classes);
}

Tensor DenseMonDeq::w() const {
  const Tensor skew = b - permute(b, {1, 0}), w = skew - matmul(a, a, {.transpose_a = true});
  if (config_.m == 1) return w;
  const Index n = a.dim(0);
  std::vector<double> diagonal(std::size_t(n * n), 0.0);
  for (Index i = 0; i < n; ++i) diagonal[std::size_t(i * (n + 1))] = 1 - config_.m;
  return w + Tensor::from(diagonal, {n, n}, a.options());
}

SplittingOptions DenseMonDeq::splitting() const { return splitting_options(config_, step.get(), a.device()); }

MonotoneMap DenseMonDeq::map(const Tensor& x) const {
  require(x.rank() >= 2 && x.size() == x.dim(0) * inject.w.dim(1), "mondeq: given a batch of shape ",
          to_text(x.shape()), ", expected ", inject.w.dim(1), " elements per sample, check the data");
  MonotoneMap f;
  f.shapes = {{x.dim(0), a.dim(0)}};
  f.bias = {inject(reshape(x, {x.dim(0), -1}))};
  f.product = [matrix = w()](const Parts& z) { return Parts{linear(z[0], matrix)}; };
  return f;
}

std::shared_ptr<const SplittingOperator> DenseMonDeq::splitting_operator(const MonotoneMap&) const {
  const Recording off(false);
  return std::make_shared<DenseOperator>(w(), resolvent_options(config_, step.get()));
}

MonDeqValue DenseMonDeq::value(const Tensor& x) const {
  const MonotoneMap f = map(x);
  MonDeqValue value{{}, monotone_equilibrium(f, splitting_operator(f), splitting())};
  value.logits = out(value.solution.z);
  return value;
}

Index DenseMonDeq::iterations(const Tensor& x, double alpha) const {
  const Recording off(false);
  DenseMonDeq other = *this;
  other.step = initial_step(alpha);
  const MonotoneMap f = other.map(x);
  return forward_iterations(f, *other.splitting_operator(f), other.splitting());
}

namespace {

struct MonDeqModelConfig {
  bool tune_alpha = true;
  MonDeqConfig mondeq;
  template <class F>
  void fields(F& f) {
    f("tune_alpha", tune_alpha,
      "monDEQ: halve the step size twice an epoch as long as that saves iterations");
    mondeq.fields(f);
  }
};

class MonDeqModel : public ModelOf<ConvMonDeq> {
 public:
  MonDeqModel(ConvMonDeq model, const MonDeqModelConfig& config)
      : ModelOf(std::move(model)), config_(config) {}
  // The solver asks the device during the solve whether it has converged, which a graph cannot record.
  ModelFacts facts() const override { return {.solves = true, .recordable = false}; }
  Value train(const Tensor& x, const Tensor&) override {
    reports_ = {};  // frees its memory first, so that every recorded step uses the same memory
    const MonDeqValue value = model_.value(x);
    reports_ = {value.solution.forward, value.solution.adjoint, {}, value.solution.z.detach()};
    return {value.logits, {}};
  }
  // Tunes the step size at batch 30 and in the middle of every epoch, as Winston and Kolter 2020 do.
  void before_step(Index step, Index steps_per_epoch, const Tensor& x) override {
    const Index place = step % steps_per_epoch;
    if (!config_.tune_alpha || (place != 30 && place != steps_per_epoch / 2)) return;
    model_.step.set(tuned_step_size(model_.step.get(), config_.mondeq.max_iterations,
                                    [&](double alpha) { return model_.iterations(x, alpha); }));
  }
  std::optional<SolverReports> reports() const override {
    SolverReports reports = reports_;
    reports.settings = {{"alpha", model_.step.get()}};
    return reports;
  }

 private:
  MonDeqModelConfig config_;
  SolverReports reports_;
};

// With these channels the paper's models have the parameters of its Table 2.
ModelRow<MonDeqModelConfig> mondeq(const char* name, const char* summary, const ImageChannels& usual) {
  const bool tiers = parse_channels(usual.grey).size() > 1;
  return {.name = name,
          .summary = summary,
          .make =
              [=](Initializer& init, const ModelShape& shape, MonDeqModelConfig config) {
                require(shape.input[1] == shape.input[2], "mondeq: given images of ", shape.input[1], " x ",
                        shape.input[2], ", expected square ones, scale and crop them with --set size=",
                        std::min(shape.input[1], shape.input[2]), " or choose the model sim");
                config.mondeq.channels = image_channels(shape, usual);
                return std::make_unique<MonDeqModel>(
                    ConvMonDeq(init, config.mondeq, shape.input[0], shape.input[1], shape.outputs), config);
              },
          // The number of iterations is fixed, because with a tolerance rounding would decide which one is
          // the last.
          .small = {{"channels", tiers ? "1,2" : "2"},
                    {"batch", 2},
                    {"tolerance", 0.0},
                    {"max_iterations", 3},
                    {"tune_alpha", false}},
          .bench = {.sim = "sim",
                    .channels = usual,
                    .methods = {"splitting"},
                    .evaluations = {"max_iterations"},
                    .tolerances = {"tolerance"},
                    .checks = {"check_every"},
                    .usual_evaluations = 10}};
}

}  // namespace

void add_mondeqs(ModelFamily& family) {
  family.add(mondeq("mondeq-single", "monDEQ of a single convolution", {"56", "81"}));
  family.add(mondeq("mondeq-multi", "monDEQ of more than one tier", {"16,32,32", "16,32,60"}));
}

}  // namespace stillpoint

// Tests monotone operator networks: parameters, inverses, monotonicity, unique fixed points, gradients,
// reports.
#include <numeric>

#include "models/mondeq.h"
#include "tests/support/error_text.h"
#include "tests/support/monotone_cases.h"

namespace stillpoint {
namespace {

// A model of one kind with its input, small enough for every test.
struct Small {
  MonDeqConfig config;
  Index side = 6, in = 2, samples = 3;
  Device device = Device::cpu;
  DType dtype = DType::float64;

  TensorOptions options() const { return {dtype, device}; }
  Tensor x() const { return random({samples, in, side, side}, 5, options()); }
  ConvMonDeq model() const {
    Initializer init(11, options());
    ConvMonDeq m(init, config, in, side, 3);
    // No gain is 1, so that no formula can hold only because of ones.
    double gain = 0.6;
    for (MonDeqTier& tier : m.tiers)
      for (const Tensor& t : {tier.g, tier.h, tier.down_g})
        if (t.defined()) t.assign(Tensor::full({1}, gain += 0.35, options()));
    return m;
  }
};

Small single() { return {.config = {.channels = "3"}, .side = 5}; }
Small two_tiers() { return {.config = {.channels = "3,2"}}; }
Small three_tiers() { return {.config = {.channels = "2,3,4"}, .side = 12, .in = 1, .samples = 2}; }
// Covers the halving of an even and an odd image size, m other than 1, and a step size other than 1.
std::vector<Small> small_models() {
  std::vector<Small> models{single(), two_tiers(), three_tiers()};
  for (Small s : {single(), two_tiers(), three_tiers()}) {
    s.config.m = 0.3;
    s.config.alpha = 0.4;
    models.push_back(s);
  }
  return models;
}

// Returns W z, computed by plain calls of conv2d.
Parts by_convolutions(const ConvMonDeq& model, double m, const Parts& z) {
  std::vector<TierKernels> kernels;
  for (const MonDeqTier& tier : model.tiers) kernels.push_back(tier.kernels());
  return convolutional_product(kernels, m, z);
}

DenseMonDeq small_dense(const MonDeqConfig& config, TensorOptions options = real()) {
  Initializer init(13, options);
  DenseMonDeq model(init, config, 4, 3);
  return model;
}

Parts random_parts(const std::vector<Shape>& shapes, std::uint64_t seed, TensorOptions options) {
  Parts parts;
  for (const Shape& s : shapes) parts.push_back(to_places(random(s, seed++, options)));
  return parts;
}

// Returns (I + a (I - W)) z.
Parts shifted(const SplittingOperator& w, const Parts& z, double a, bool transposed) {
  const Parts product = w.apply(z, transposed);
  Parts y;
  for (std::size_t i = 0; i < z.size(); ++i) y.push_back(affine(z[i], 1 + a, 0) - affine(product[i], a, 0));
  return y;
}

void check_operator(const SplittingOperator& w, const std::vector<Shape>& shapes, double a,
                    TensorOptions options, double tolerance) {
  const Parts y = random_parts(shapes, 21, options), z = random_parts(shapes, 31, options);
  const double scale = norm(y) * norm(w.apply(z, false));
  CHECK(std::abs(inner(y, w.apply(z, false)) - inner(w.apply(y, true), z)) < tolerance * scale);
  for (const bool transposed : {false, true}) {
    CHECK(distance(w.resolve(shifted(w, z, a, transposed), transposed), z) < tolerance);
    CHECK(distance(shifted(w, w.resolve(z, transposed), a, transposed), z) < tolerance);
  }
}

Index elements(const std::vector<Shape>& shapes) {
  Index size = 0;
  for (const Shape& s : shapes) size += count(s) / s[0];
  return size;
}

// Returns whether the eigenvalues of (W + W^T)/2 lie below the bound, so that Cholesky's factor of
// bound I - (W + W^T)/2 exists. w must take as many samples as a state has elements.
bool lies_below(const SplittingOperator& w, const std::vector<Shape>& shapes, double bound) {
  const std::size_t size = std::size_t(elements(shapes));
  Parts identity;
  std::size_t first = 0;
  for (const Shape& s : shapes) {
    const std::size_t rows = std::size_t(count(s) / s[0]);
    std::vector<double> values(rows * size, 0.0);
    for (std::size_t r = 0; r < rows; ++r) values[r * size + first + r] = 1;
    identity.push_back(Tensor::from(values, {Index(rows) / s[1], s[1], Index(size)}, real()));
    first += rows;
  }
  std::vector<double> matrix;
  for (const Tensor& part : w.apply(identity, false))
    for (const double value : part.values()) matrix.push_back(value);
  std::vector<double> factor(size * size);
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      const double *const row = &factor[i * size], *const other = &factor[j * size];
      const double sum = (i == j ? bound : 0) - (matrix[i * size + j] + matrix[j * size + i]) / 2 -
                         std::inner_product(row, row + j, other, 0.0);
      if (i == j && !(sum > 0)) return false;
      factor[i * size + j] = i == j ? std::sqrt(sum) : sum / other[j];
    }
  return true;
}

}  // namespace

TEST_CASE("monotone networks have the published numbers of parameters", "[mondeq]") {
  struct Row {
    const char* channels;
    Index in, side, parameters;
  };
  for (const Row& row :
       {Row{"81", 3, 32, 172218}, Row{"56", 1, 28, 84460}, Row{"16,32,60", 3, 32, 170194},
        Row{"16,32,32", 1, 28, 81394}, Row{"200", 3, 32, 853612}, Row{"64,128,128", 3, 32, 1014546}}) {
    Initializer init(1);
    ConvMonDeq model(init, {.channels = row.channels}, row.in, row.side);
    INFO(row.channels);
    CHECK(params_of(model).count() == row.parameters);
  }
  Initializer init(1);
  DenseMonDeq dense(init, {.channels = "87"}, 784);
  CHECK(params_of(dense).count() == 84313);
  ConvMonDeq multi = two_tiers().model();
  const std::vector<std::string> expected{
      "inject.w",       "inject.b",  "tiers.0.a", "tiers.0.b", "tiers.0.g", "tiers.0.h", "tiers.0.down",
      "tiers.0.down_g", "tiers.1.a", "tiers.1.b", "tiers.1.g", "tiers.1.h", "out.w",     "out.b"};
  const ParamList list = params_of(multi);
  REQUIRE(list.trainable().size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(list.trainable()[i].name == expected[i]);
  CHECK(params_of(multi).buffers().at(0).name == "alpha");
}

TEST_CASE("the toy's W is built from A and B, and its symmetric part is bounded", "[mondeq]") {
  DenseMonDeq model = small_dense({.channels = "3", .m = .5});
  model.a.assign(Tensor::from({.6, -.2, .1, 0, .5, .3, -.4, .2, .7}, {3, 3}, real()));
  model.b.assign(Tensor::from({0, .9, -.3, .1, 0, .5, .2, -.6, 0}, {3, 3}, real()));
  check_close(model.w(), toy_matrix, 1e-12);
  CHECK(lies_below(DenseOperator(model.w(), {}), {{3, 3}}, .35148551));
  CHECK_FALSE(lies_below(DenseOperator(model.w(), {}), {{3, 3}}, .35148547));
}

TEST_CASE("the inverses invert, transposed and not, and so do the products", "[mondeq]") {
  for (const Device device : available_devices()) {
    for (Small s : small_models()) {
      s.device = device;
      const ConvMonDeq model = s.model();
      const auto f = model.map(s.x());
      INFO(s.config.channels << ", m " << s.config.m << ", " << name_of(device));
      check_operator(*model.splitting_operator(f), f.shapes, s.config.alpha, s.options(), 1e-12);
    }
    const MonDeqConfig config{.channels = "7", .m = .3, .alpha = .4};
    const DenseMonDeq dense = small_dense(config, real(device));
    const auto f = dense.map(random({3, 4}, 3, real(device)));
    check_operator(*dense.splitting_operator(f), f.shapes, config.alpha, real(device), 1e-12);
  }
}

TEST_CASE("a product by spectra and its gradients are those of convolutions", "[mondeq]") {
  for (const Device device : available_devices())
    for (Small s : {single(), Small{.config = {.channels = "3", .m = 0.3}, .side = 6}}) {
      s.device = device;
      const ConvMonDeq model = s.model();
      const auto f = model.map(s.x());
      const Tensor z = random(f.shapes[0], 8, s.options()).variable(),
                   g = random(f.shapes[0], 9, s.options());
      const Tensor by_frequency = f.product({z})[0], plain = by_convolutions(model, s.config.m, {z})[0];
      CHECK(distance({by_frequency}, {plain}) < 1e-13);
      const MonDeqTier& tier = model.tiers[0];
      const std::vector<Tensor> xs{z, tier.a, tier.b, tier.g, tier.h};
      const std::vector<Tensor> a = grad(by_frequency, xs, g), b = grad(plain, xs, g);
      for (std::size_t i = 0; i < xs.size(); ++i) CHECK(distance({a[i]}, {b[i]}) < 1e-12);
      CHECK_THROWS_WITH(grad(f.product({z})[0], {z}, g, {.create_graph = true}),
                        mentions("second derivative"));
    }
}

TEST_CASE("the symmetric part of W lies below 1 - m", "[mondeq]") {
  for (const Small& s : small_models()) {
    ConvMonDeq model = s.model();
    for (const double g : {0.0, -2.0, 3.0}) {
      for (const MonDeqTier& tier : model.tiers)
        for (const Tensor& gain : {tier.g, tier.down_g})
          if (gain.defined() && g != 0) gain.assign(Tensor::full({1}, g, real()));
      const Index size = elements(model.map(s.x()).shapes);
      const auto f = model.map(Tensor::zeros({size, s.in, s.side, s.side}, real()));
      INFO(s.config.channels << ", m " << s.config.m << ", g " << g);
      CHECK(lies_below(*model.splitting_operator(f), f.shapes, 1 - s.config.m + 1e-11));
    }
  }
}

TEST_CASE("both splittings find the one fixed point", "[mondeq]") {
  for (const Device device : available_devices())
    // In float32 the last bits never settle, so float32 runs a fixed number of iterations.
    for (const auto& [dtype, tolerance, iterations, agreement] :
         {std::tuple{DType::float64, 1e-12, 600, 1e-10}, std::tuple{DType::float32, 0.0, 120, 1e-5}})
      for (Small s : {single(), two_tiers(), three_tiers()}) {
        if (device == Device::cuda && s.side > 6) continue;  // three tiers' inverses are tested there above
        s.device = device;
        s.dtype = dtype;
        s.config.tolerance = tolerance;
        s.config.max_iterations = iterations;
        Parts z[2];
        for (const bool forward_backward : {false, true}) {
          s.config.solver = forward_backward ? "forward-backward" : "peaceman-rachford";
          s.config.alpha = forward_backward ? 0.15 : 0.5;
          const ConvMonDeq model = s.model();
          const MonDeqValue value = model.value(s.x());
          CHECK((value.solution.forward.read().converged || dtype == DType::float32));
          z[forward_backward] = {value.solution.z.detach()};
        }
        INFO(s.config.channels << ' ' << name_of(dtype) << ' ' << name_of(device));
        CHECK(distance(z[0], z[1]) < agreement);
      }
}

TEST_CASE("every start leads to the same fixed point", "[mondeq]") {
  const Recording off(false);
  Small s = two_tiers();
  s.config.tolerance = 1e-13;
  const ConvMonDeq model = s.model();
  const auto f = model.map(s.x());
  const Tensor solution = model.value(s.x()).solution.z;
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Parts z;
    for (const Shape& shape : f.shapes) z.push_back(affine(random(shape, seed, real()), 10, 0));
    for (int k = 0; k < 250; ++k) {
      const Parts pre = pre_activation(f, z);
      for (std::size_t i = 0; i < z.size(); ++i)
        z[i] = activation(affine(z[i], 0.85, 0) + affine(pre[i], 0.15, 0));
    }
    CHECK(distance({z.back()}, {solution}) < 1e-10);
  }
}

TEST_CASE("the implicit gradient is that of many unrolled steps", "[mondeq]") {
  for (const auto& [size, solver] : {std::pair{single(), "peaceman-rachford"},
                                     {single(), "forward-backward"},
                                     {two_tiers(), "peaceman-rachford"},
                                     {two_tiers(), "forward-backward"},
                                     {three_tiers(), "peaceman-rachford"}}) {
    Small s = size;
    s.config.solver = solver;
    s.config.alpha = 0.15;
    s.config.tolerance = 1e-11;
    s.config.max_iterations = 600;
    ConvMonDeq model = s.model();
    const Tensor x = s.x();
    const std::vector<Tensor> params = params_of(model).tensors();
    const auto loss = [&](const Tensor& z) { return sum(square(model.logits(z))); };
    const std::vector<Tensor> implicit = grad(loss(model.value(x).solution.z), params);
    MonotoneMap f = model.map(x);
    f.product = [&](const Parts& at) { return by_convolutions(model, s.config.m, at); };
    Parts z;
    for (const Shape& shape : f.shapes) z.push_back(Tensor::zeros(shape, real()));
    for (int k = 0; k < 160; ++k) {
      const Parts pre = pre_activation(f, z);
      for (std::size_t i = 0; i < z.size(); ++i)
        z[i] = activation(affine(z[i], 0.85, 0) + affine(pre[i], 0.15, 0));
    }
    const std::vector<Tensor> unrolled = grad(loss(z.back()), params);
    for (std::size_t i = 0; i < params.size(); ++i) {
      INFO(s.config.channels << ", " << solver << ", parameter " << i);
      CHECK(distance({implicit[i]}, {unrolled[i]}) < 1e-6);
    }
  }
}

TEST_CASE("the implicit gradient of a dense map is that of finite differences", "[mondeq]") {
  DenseMonDeq model = small_dense({.channels = "6", .m = .4, .alpha = .5, .tolerance = 1e-14});
  const Tensor x = random({5, 4}, 3, real());
  const auto loss = [&] { return sum(square(model(x))); };
  const std::vector<Tensor> params = params_of(model).tensors(), g = grad(loss(), params);
  for (std::size_t i = 0; i < params.size(); ++i) {
    const Tensor direction = random(params[i].shape(), 40 + i, real()), before = clone(params[i].detach());
    double ends[2];
    constexpr double h = 1e-6;
    for (const int side : {0, 1}) {
      params[i].assign(before + affine(direction, side == 0 ? -h : h, 0));
      ends[side] = loss().item();
    }
    params[i].assign(before);
    INFO("parameter " << i);
    CHECK((ends[1] - ends[0]) / (2 * h) == Approx(sum(g[i] * direction).item()).epsilon(1e-6));
  }
}

TEST_CASE("a batch gives what its samples give alone, within the tolerance", "[mondeq]") {
  for (Small s : {single(), two_tiers()}) {
    s.config.tolerance = 1e-12;
    const ConvMonDeq model = s.model();
    const Tensor x = s.x(), z = model.value(x).solution.z;
    Shape from{0, 0, 0, 0}, to = x.shape(), z_to = z.shape(), z_from = from;
    for (Index i = 0; i < s.samples; ++i) {
      from[0] = z_from[0] = i;
      to[0] = z_to[0] = i + 1;
      CHECK(distance({model.value(slice(x, from, to)).solution.z}, {slice(z, z_from, z_to)}) < 1e-10);
    }
  }
}

TEST_CASE("forward and backward solves leave their reports", "[mondeq]") {
  Small s = single();
  ConvMonDeq model = s.model();
  const MonDeqValue value = model.value(s.x());
  CHECK(value.solution.forward.read().converged);
  REQUIRE(value.solution.adjoint != nullptr);
  CHECK(value.solution.adjoint->steps() == 0);
  grad(sum(square(value.logits)), params_of(model).tensors());
  CHECK(value.solution.adjoint->read().converged);
  CHECK(value.solution.adjoint->steps() > 0);
  const Recording off(false);
  CHECK(model.value(s.x()).solution.adjoint == nullptr);
}

TEST_CASE("the step size is halved while that saves iterations", "[mondeq]") {
  const auto counts = [](std::vector<Index> values) {
    return [values, k = std::size_t(0)](double) mutable { return values.at(k++); };
  };
  CHECK(tuned_step_size(.3, 300, counts({20, 15, 12, 13})) == .25);
  CHECK(tuned_step_size(.3, 300, counts({20, 20, 21})) == .5);
  CHECK(tuned_step_size(.3, 300, counts({20, 21})) == 1);
  CHECK(tuned_step_size(.3, 300, [](double) { return Index(300); }) == .3);
  Small s = single();
  ConvMonDeq model = s.model();
  const Tensor x = s.x();
  const double a = tuned_step_size(model.step.get(), 300, [&](double t) { return model.iterations(x, t); });
  CHECK(model.iterations(x, a) <= model.iterations(x, 1));
  model.step.set(a);
  CHECK(model.value(x).solution.forward.read().steps == model.iterations(x, a));
}

TEST_CASE("a step size at which the iteration diverges counts as one that never ends", "[mondeq]") {
  Small s = single();
  s.config.solver = "forward-backward";
  ConvMonDeq model = s.model();
  model.tiers[0].g.assign(Tensor::full({1}, 40, s.options()));
  const Tensor x = s.x();
  const Index most = model.splitting().max_iterations;
  CHECK(model.iterations(x, 1) == most);
  CHECK(model.iterations(x, 1.0 / 64) < most);
  const double a = tuned_step_size(1.0 / 64, most, [&](double t) { return model.iterations(x, t); });
  CHECK(model.iterations(x, a) < most);
}

TEST_CASE("the pooled head averages cells of 4 x 4 and drops the rest", "[mondeq]") {
  Small s{.config = {.channels = "2"}, .side = 8, .in = 1, .samples = 2};
  const ConvMonDeq model = s.model();
  const Tensor z = random({2, 2, 10, 10}, 9, real());
  const std::vector<double> v = z.values(), w = model.out.w.values(), b = model.out.b.values();
  std::vector<double> expected;
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t o = 0; o < 3; ++o) {
      double total = b[o];
      for (std::size_t c = 0; c < 2; ++c)
        for (std::size_t y = 0; y < 8; ++y)
          for (std::size_t x = 0; x < 8; ++x)
            total += w[o * 8 + c * 4 + y / 4 * 2 + x / 4] * v[(n * 2 + c) * 100 + y * 10 + x] / 16;
      expected.push_back(total);
    }
  check_close(model.logits(z), expected, 1e-12);
}

TEST_CASE("wrong settings of a monotone network are refused", "[mondeq]") {
  for (const char* channels : {"", "0", "3,", ",3", "3;4", "-2", "a"})
    CHECK_THROWS_WITH(parse_channels(channels), mentions("channels", "16,32,60"));
  CHECK(parse_channels("16,32,60") == std::vector<Index>{16, 32, 60});
  Initializer init(1);
  CHECK_THROWS_WITH(ConvMonDeq(init, {.channels = "2,2,2,2"}, 1, 28), mentions("4 tiers", "fewer tiers"));
  CHECK_THROWS_WITH(DenseMonDeq(init, {.channels = "2,3"}, 4), mentions("2,3", "one number"));
  CHECK_THROWS_WITH(
      ConvMonDeq(init, {.channels = "2", .solver = "newton"}, 1, 6)(Tensor::zeros({1, 1, 6, 6})),
      mentions("newton", "peaceman-rachford"));
  CHECK_THROWS_WITH(ConvMonDeq(init, {.channels = "2"}, 1, 6)(Tensor::zeros({1, 1, 5, 5})),
                    mentions("(1, 1, 5, 5)", "6, 6"));
  CHECK_THROWS_WITH(ConvMonDeq(init, {.channels = "2", .alpha = -1}, 1, 6)(Tensor::zeros({1, 1, 6, 6})),
                    mentions("step size", "-1", "positive"));
  CHECK_THROWS_WITH(read_config(*std::make_unique<MonDeqConfig>(), Json{{"m", 0}}, "test"),
                    mentions("m", "0"));
  CHECK_THROWS_WITH(ConvMonDeq(init, {.channels = "2"}, 1, 6)(Tensor::zeros({0, 1, 6, 6})),
                    mentions("without elements"));
}

}  // namespace stillpoint

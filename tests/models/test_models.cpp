// Tests the models: exact parameter counts, causality, folding, initial values.
#include <algorithm>
#include <cmath>

#include "kernels/gemm/gemm.h"
#include "models/fold.h"
#include "models/image_sim.h"
#include "models/sim.h"
#include "tests/support/catch.h"

namespace stillpoint {
namespace {

double largest_difference(const Tensor& a, const Tensor& b) {
  const std::vector<double> x = a.values(), y = b.values();
  REQUIRE(x.size() == y.size());
  double most = 0;
  for (std::size_t i = 0; i < x.size(); ++i) most = std::max(most, std::abs(x[i] - y[i]));
  return most;
}

Tensor ramp(Shape shape, DType dtype = DType::float64) {
  std::vector<double> values;
  for (Index i = 0; i < count(shape); ++i) values.push_back(std::sin(0.37 * double(i) + 0.2));
  return Tensor::from(values, shape, {dtype});
}

}  // namespace

TEST_CASE("copy-memory models have the paper's parameter counts", "[models]") {
  Initializer init(0);
  SequenceSim single(init, {}, {}, 10, false), two(init, {}, {}, 10, true);
  CHECK(params_of(single).count() == 17294);
  CHECK(params_of(two).count() == 17294);
  CHECK(params_of(single.phi.tcn).count() == 12420);
  CHECK(params_of(two).buffers().size() == 1);
  SequenceTcn tcn(init, {}, 10);
  CHECK(params_of(tcn).count() == 12420 + 110);
}

TEST_CASE("image-regression models have the counts of their layers", "[models]") {
  Initializer init(0);
  const auto parameters = [&](const std::string& kind, Index h, Index d, Index psi) {
    CoordinateSim model(init, kind, h, {.d = d, .psi = psi, .bandwidth = 1, .hidden = 256});
    return params_of(model).count();
  };
  CHECK(parameters("single", 512, 512, 2) == 1052675);
  CHECK(parameters("single", 32, 32, 2) == 144035);
  CHECK(parameters("rff", 32, 32, 512) == 525827);
  // phi 2->h->h->d, U and V^T D x D/2, r D->256->256->256, output 256->3
  const auto by_hand = [](Index h, Index d, Index width, bool phi) {
    return (phi ? 2 * h + h + h * h + h + h * d + d : 0) + width * width + (width * 256 + 256) +
           2 * (256 * 256 + 256) + 256 * 3 + 3;
  };
  for (Index h : {32, 256})
    for (Index d : {64, 512}) {
      CHECK(parameters("single", h, d, 2) == by_hand(h, d, d, true));
      CHECK(parameters("two", h, d, 128) == by_hand(h, d, 128, true));
      CHECK(parameters("rff", h, d, 128) == by_hand(h, d, 128, false));
    }
}

TEST_CASE("image-classification models have the paper's parameter counts", "[models]") {
  Initializer init(0);
  const HeadConfig head{.d = 50, .psi = 104, .hidden = 32};
  const auto parameters = [&](const Shape& image, Index channels, bool two_tier) {
    ImageSim model(init, image, channels, head, 10, two_tier);
    return params_of(model).count();
  };
  CHECK(parameters({3, 32, 32}, 38, false) == 168694);
  CHECK(parameters({3, 32, 32}, 36, true) == 168264);
  CHECK(parameters({1, 28, 28}, 24, false) == 81480);
  CHECK(parameters({1, 28, 28}, 21, true) == 80466);
}

TEST_CASE("an image model evaluates with the statistics that its training moved", "[models]") {
  Initializer init(0, {DType::float64});
  ImageSim model(init, {2, 9, 8}, 3, {.d = 6, .hidden = 5}, 4, false);
  const ParamList params = params_of(model);
  REQUIRE(params.buffers().size() == 8);
  const Tensor x = ramp({5, 2, 9, 8});
  const Tensor before = model(x, false);
  CHECK(largest_difference(model(x, false), before) == 0);  // evaluating changes nothing
  const Tensor trained = model(x, true);
  CHECK(params.buffers()[0].tensor.values() != std::vector<double>(3, 0.0));
  for (int step = 0; step < 400; ++step) model(x, true);  // 0.9^400 is 5e-19
  // The running variance is unbiased: it is n / (n - 1) times the batch's. This is most of the difference of
  // the two modes.
  CHECK(largest_difference(model(x, true), trained) == 0);
  const double gap = largest_difference(model(x, false), trained);
  CHECK(gap > 1e-6);
  CHECK(gap < 2e-2);
  // A convolution's bias cancels in training.
  const std::vector<Tensor> gradients = grad(mean(square(model(x, true))), params.tensors());
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const std::string& name = params.trainable()[i].name;
    const bool cancels = name.starts_with("phi.conv") && name.ends_with(".b");
    const std::vector<double> g = gradients[i].values();
    CHECK(std::all_of(g.begin(), g.end(), [](double v) { return v == 0; }) == cancels);
  }
}

TEST_CASE("outputs before a change of the input stay as they were", "[models]") {
  Initializer init(1, {DType::float64});
  const SequenceSim model(init, {.blocks = 3, .channels = 4, .taps = 3},
                          {.d = 8, .psi = 8, .bandwidth = 1, .hidden = 8}, 10, true);
  const Recording off(false);
  std::vector<double> x = ramp({1, 1, 40}).values();
  const std::vector<double> before = model(Tensor::from(x, {1, 1, 40}, {DType::float64})).values();
  x[25] += 1;
  const std::vector<double> after = model(Tensor::from(x, {1, 1, 40}, {DType::float64})).values();
  bool later_changed = false;
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (i / 10 < 25) REQUIRE(before[i] == after[i]);
    later_changed = later_changed || before[i] != after[i];
  }
  CHECK(later_changed);
}

TEST_CASE("folding changes the cost, not the function or its gradients", "[models]") {
  for (const std::string kind : {"single", "two", "rff"}) {
    Initializer init(2, {DType::float64});
    CoordinateSim model(init, kind, 24, {.d = 16, .psi = 20, .bandwidth = 0.5, .hidden = 28});
    const Tensor x = ramp({50, 2}), target = ramp({50, 3});
    const Tensor folded = mean_squared_error(model(x), target);
    const std::vector<Tensor> g = grad(folded, params_of(model).tensors());
    model.head.fold = false;
    const Tensor plain = mean_squared_error(model(x), target);
    const std::vector<Tensor> h = grad(plain, params_of(model).tensors());
    CHECK(multiply_adds(fold_linear_runs(model.layers())) < multiply_adds(model.layers()));
    CHECK(folded.item() == Approx(plain.item()).epsilon(1e-13));
    for (std::size_t i = 0; i < g.size(); ++i) CHECK(largest_difference(g[i], h[i]) < 1e-13);
  }
}

TEST_CASE("folding keeps a narrow rank where multiplying out would cost more", "[models]") {
  Initializer init(3, {DType::float64});
  const auto map = [&](Index in, Index out) { return Linear(init, in, out).layer(Activation::identity); };
  // 64 -> 4 -> 64 costs 512, multiplied out 4096.
  CHECK(fold_linear_runs({map(64, 4), map(4, 64)}).size() == 2);
  // 64 -> 48 -> 64 costs 6144, multiplied out 4096.
  CHECK(fold_linear_runs({map(64, 48), map(48, 64)}).size() == 1);
  // In 8 -> 64 -> 2 -> 64 the width 2 survives, the width 64 between 8 and 2 does not.
  const std::vector<HeadLayer> folded = fold_linear_runs({map(8, 64), map(64, 2), map(2, 64)});
  REQUIRE(folded.size() == 2);
  CHECK(folded[0].w.shape() == Shape{2, 8});
  CHECK(multiply_adds(folded) == 16 + 128);
}

TEST_CASE("an untrained copy-memory model starts near ln 10", "[models]") {
  Initializer init(0);
  const SequenceSim model(init, {}, {}, 10, false);
  const Tensor x = Tensor::zeros({1, 1, 520});
  const Tensor labels = Tensor::zeros({520}, {DType::int32});
  CHECK(softmax_cross_entropy(model(x), labels).item() == Approx(std::log(10)).margin(0.3));
}

TEST_CASE("weight normalisation starts at the drawn weight", "[models]") {
  Initializer init(5, {DType::float64});
  const WeightNormConv conv(init, 3, 4, 5);
  CHECK(largest_difference(weight_norm(conv.v, conv.g), conv.v) < 1e-15);
  const double bound = 1 / std::sqrt(15.0);
  for (double v : conv.v.values()) REQUIRE(std::abs(v) <= bound);
}

TEST_CASE("random Fourier features have unit norm and approximate the kernel", "[models]") {
  Initializer init(6, {DType::float64});
  const double sigma = 0.7;
  const SimHead head(init, {.d = 3, .psi = 20000, .bandwidth = sigma, .hidden = 2}, 3, 2, true);
  const Tensor x = Tensor::from({0.1, 0.2, 0.3, 0.5, -0.1, 0.4}, {2, 3}, {DType::float64});
  const Tensor psi = random_fourier_features(x, head.psi.omega);
  const std::vector<double> gram = matmul(psi, psi, {false, true}).values();
  CHECK(gram[0] == Approx(1).epsilon(1e-12));
  const double squared = 0.16 + 0.09 + 0.01;
  CHECK(gram[1] == Approx(std::exp(-squared / (2 * sigma * sigma))).margin(0.02));
}

TEST_CASE("a wide head rounds to bf16 when asked, a narrow one does not", "[models]") {
  struct Guard {
    ~Guard() { kernels::set_precision(kernels::Precision::float32); }
  } guard;
  for (const Index hidden : {32, 96}) {
    Initializer init(7);
    const CoordinateSim model(init, "two", hidden,
                              {.d = hidden, .psi = hidden, .bandwidth = 1, .hidden = hidden, .fold = false});
    const Tensor x = ramp({50, 2}, DType::float32).variable();
    const auto gradient = [&] { return grad(sum(model(x)), {x})[0]; };
    kernels::set_precision(kernels::Precision::float32);
    const Tensor y = model(x), dx = gradient();
    kernels::set_precision(kernels::Precision::bf16);
    const double change = largest_difference(model(x), y);
    CHECK(change < 0.05);
    CHECK((change > 1e-5) == (hidden > kernels::narrow_width));
    CHECK((largest_difference(gradient(), dx) > 1e-5) == (hidden > kernels::narrow_width));
  }
}

TEST_CASE("labels outside the classes are refused", "[models]") {
  const Tensor logits = Tensor::zeros({2, 3});
  for (const std::int32_t label : {-1, 3})
    CHECK_THROWS_WITH(softmax_cross_entropy(logits, Tensor::from(std::vector<std::int32_t>{0, label}, {2})),
                      "softmax_cross_entropy: given " + std::to_string(label) +
                          " at 1 of labels, expected 0..2, check the data");
}

TEST_CASE("an odd number of features is refused", "[models]") {
  Initializer init(0);
  CHECK_THROWS_AS(SimHead(init, {.d = 4, .psi = 5, .bandwidth = 1, .hidden = 4}, 4, 2, true), Error);
}

}  // namespace stillpoint

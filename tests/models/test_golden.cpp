// Tests parity with PyTorch: losses, every gradient and ten training steps against files made by
// tests/golden.
#include <cmath>
#include <functional>

#include "engine/optim.h"
#include "models/image_sim.h"
#include "models/sim.h"
#include "tests/support/golden_file.h"

namespace stillpoint {
namespace {

void load(const GoldenFile& golden, const ParamList& params) {
  for (const NamedTensor& p : params.trainable())
    p.tensor.assign(golden.tensor("param/" + p.name, p.tensor.dtype()));
  for (const NamedTensor& p : params.buffers())
    p.tensor.assign(golden.tensor("buffer/" + p.name, p.tensor.dtype()));
}

double norm_of(const std::vector<double>& x) {
  double squares = 0;
  for (double v : x) squares += v * v;
  return std::sqrt(squares);
}

// Compares with a gradient of the file. If that is zero up to PyTorch's rounding, the norm of all gradients
// is the scale.
void check_gradient(const GoldenFile& golden, const NamedTensor& p, const Tensor& gradient, double all,
                    double tolerance) {
  const std::vector<double> actual = gradient.values(), expected = golden.values("grad/" + p.name);
  REQUIRE(actual.size() == expected.size());
  std::vector<double> difference;
  for (std::size_t i = 0; i < actual.size(); ++i) difference.push_back(actual[i] - expected[i]);
  INFO("gradient of " << p.name << " in " << name_of(gradient.dtype()));
  CHECK(norm_of(difference) < tolerance * std::max(norm_of(expected), 1e-6 * all));
}

void check_buffers(const GoldenFile& golden, const ParamList& params, const std::string& when,
                   double tolerance) {
  for (const NamedTensor& p : params.buffers()) {
    if (!golden.has(when + "/" + p.name)) continue;
    INFO(p.name << ", " << when << " in " << name_of(p.tensor.dtype()));
    CHECK(relative_error(p.tensor.values(), golden.values(when + "/" + p.name)) < tolerance);
  }
}

// Checks the loss, the gradients, ten Adam steps with clipping, and the parameters after them.
void check_training(const GoldenFile& golden, const ParamList& params, const std::function<Tensor()>& loss,
                    DType dtype) {
  const double tolerance = dtype == DType::float64 ? 1e-10 : 1e-5;
  load(golden, params);
  const Tensor first = loss();
  CHECK(first.item() == Approx(golden.values("loss")[0]).epsilon(tolerance));
  const std::vector<Tensor> gradients = grad(first, params.tensors());
  double squares = 0;
  for (const NamedTensor& p : params.trainable())
    squares += std::pow(norm_of(golden.values("grad/" + p.name)), 2);
  for (std::size_t i = 0; i < gradients.size(); ++i)
    check_gradient(golden, params.trainable()[i], gradients[i], std::sqrt(squares), tolerance);
  check_buffers(golden, params, "buffer_first", tolerance);
  for (const NamedTensor& p : params.buffers()) p.tensor.assign(golden.tensor("buffer/" + p.name, dtype));
  Optimiser adam(params, {.eps = golden.config.at("eps"), .clip = golden.config.at("clip")});
  const double lr = golden.config.at("lr");
  std::vector<double> losses;
  for (int step = 0; step < 10; ++step) {
    const Tensor value = loss();
    losses.push_back(value.item());
    adam.update(grad(value, params.tensors()), lr);
  }
  const std::vector<double> expected = golden.values("losses");
  for (std::size_t i = 0; i < 10; ++i) {
    INFO("loss of step " << i << " in " << name_of(dtype));
    CHECK(losses[i] == Approx(expected[i]).epsilon(tolerance));
  }
  check_buffers(golden, params, "buffer_after", tolerance);
  if (dtype == DType::float64 && golden.has("param_after/" + params.trainable()[0].name))
    for (const NamedTensor& p : params.trainable()) {
      INFO(p.name << " after ten steps");
      CHECK(relative_error(p.tensor.values(), golden.values("param_after/" + p.name)) < tolerance);
    }
}

TcnConfig tcn_config(const Json& c) { return {c.at("n_blocks"), c.at("channels"), c.at("kernel")}; }

HeadConfig head_config(const Json& c, bool fold) {
  HeadConfig head{.d = c.value("d", Index(2)),
                  .psi = 2 * c.value("m", Index(1)),
                  .bandwidth = 1,
                  .hidden = c.at("H"),
                  .fold = fold};
  return head;
}

}  // namespace

TEST_CASE("copy-memory models train as in PyTorch", "[golden]") {
  for (const std::string name : {"tcn", "copy_single", "copy_two", "copy_single_paper"})
    for (const DType dtype : {DType::float64, DType::float32})
      for (const bool fold : {true, false}) {
        if (name == "tcn" && !fold) continue;
        INFO(name << ", fold " << fold);
        const GoldenFile golden(name);
        Initializer init(0, {dtype});
        const Tensor x = golden.tensor("input/x", dtype), y = golden.labels("input/y");
        if (name == "tcn") {
          SequenceTcn model(init, tcn_config(golden.config), 10);
          check_training(
              golden, params_of(model), [&] { return softmax_cross_entropy(model(x), y); }, dtype);
        } else {
          SequenceSim model(init, tcn_config(golden.config), head_config(golden.config, fold), 10,
                            name == "copy_two");
          check_training(
              golden, params_of(model), [&] { return softmax_cross_entropy(model(x), y); }, dtype);
        }
      }
}

TEST_CASE("image-regression models train as in PyTorch", "[golden]") {
  for (const std::string kind : {"single", "two", "rff"})
    for (const DType dtype : {DType::float64, DType::float32})
      for (const bool fold : {true, false}) {
        INFO(kind << ", fold " << fold);
        const GoldenFile golden("image_" + kind);
        Initializer init(0, {dtype});
        CoordinateSim model(init, kind, golden.config.value("h", Index(1)), head_config(golden.config, fold));
        const Tensor x = golden.tensor("input/x", dtype), y = golden.tensor("input/y", dtype);
        check_training(
            golden, params_of(model), [&] { return mean_squared_error(model(x), y); }, dtype);
      }
}

TEST_CASE("image-classification models train as in PyTorch", "[golden]") {
  for (const std::string kind : {"single", "two"})
    for (const DType dtype : {DType::float64, DType::float32})
      for (const bool fold : {true, false}) {
        INFO(kind << ", fold " << fold);
        const GoldenFile golden("vision_" + kind);
        Initializer init(0, {dtype});
        const Tensor x = golden.tensor("input/x", dtype), y = golden.labels("input/y");
        ImageSim model(init, {x.dim(1), x.dim(2), x.dim(3)}, golden.config.at("channels"),
                       head_config(golden.config, fold), 10, kind == "two");
        check_training(
            golden, params_of(model), [&] { return softmax_cross_entropy(model(x, true), y); }, dtype);
      }
}

}  // namespace stillpoint

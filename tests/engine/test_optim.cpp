// Tests the optimisers against PyTorch's, step by step, and their errors.
#include <cmath>
#include <cstring>

#include "engine/init.h"
#include "engine/ops.h"
#include "engine/optim.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/golden_file.h"

namespace stillpoint {
namespace {

struct Three {
  Tensor t0, t1, t2;
  template <class P>
  void params(P& p) {
    p("0", t0);
    p("1", t1);
    p("2", t2);
  }
};

void check_steps(const std::string& name, OptimiserConfig config, DType dtype) {
  const double tolerance = dtype == DType::float64 ? 1e-12 : 1e-5;
  const GoldenFile golden(name);
  Three three{golden.tensor("param/0", dtype).variable(), golden.tensor("param/1", dtype).variable(),
              golden.tensor("param/2", dtype).variable()};
  const ParamList params = params_of(three);
  config.weight_decay = golden.config.value("weight_decay", 0.0);
  config.clip = golden.config.at("clip");
  config.momentum = golden.config.value("momentum", 0.0);
  config.beta2 = golden.config.value("alpha", config.beta2);
  Optimiser optimiser(params, config);
  for (int step = 0; step < 10; ++step) {
    std::vector<Tensor> gradients;
    for (int i = 0; i < 3; ++i) gradients.push_back(golden.tensor(text("grad/", step, "/", i), dtype));
    const double norm = optimiser.update(gradients, golden.config.at("lr")).item();
    if (golden.has("norms"))
      CHECK(norm == Approx(golden.values("norms")[std::size_t(step)]).epsilon(tolerance));
    for (int i = 0; i < 3; ++i) {
      INFO(name << " step " << step << " tensor " << i << " in " << name_of(dtype));
      CHECK(relative_error(params.trainable()[std::size_t(i)].tensor.values(),
                           golden.values(text("after/", step, "/", i))) < tolerance);
    }
  }
}

}  // namespace

TEST_CASE("Adam with clipping and weight decay steps as PyTorch's", "[optim]") {
  for (const DType dtype : {DType::float64, DType::float32}) check_steps("adam", {}, dtype);
}

TEST_CASE("AdamW and RMSprop step as PyTorch's", "[optim]") {
  for (const DType dtype : {DType::float64, DType::float32}) {
    check_steps("adamw", {.kind = "adamw"}, dtype);
    check_steps("rmsprop", {.kind = "rmsprop"}, dtype);
  }
}

TEST_CASE("SGD with and without momentum steps as PyTorch's", "[optim]") {
  for (const DType dtype : {DType::float64, DType::float32}) {
    check_steps("sgd", {.kind = "sgd"}, dtype);
    check_steps("sgd_momentum", {.kind = "sgd"}, dtype);
  }
}

TEST_CASE("Adam finds the minimum of a quadratic", "[optim]") {
  Initializer init(1, {DType::float64});
  Three three{init.normal({20}, 1), {}, {}};
  const ParamList params = params_of(three);
  const Tensor target = init.normal({20}, 1).detach();
  Optimiser adam(params, {});
  for (int step = 0; step < 2000; ++step) {
    const Tensor loss = mean_squared_error(three.t0, target);
    adam.update(grad(loss, params.tensors()), 0.02);
  }
  CHECK(mean_squared_error(three.t0, target).item() < 1e-10);
}

TEST_CASE("optimisers refuse what does not fit", "[optim]") {
  Three none, one{Tensor::zeros({2}).variable(), {}, {}};
  CHECK_THAT(error_text([&] { Optimiser(params_of(none), {}); }), mentions("no parameters"));
  CHECK_THAT(error_text([&] { Optimiser(params_of(one), {.kind = "lion"}); }),
             mentions("'lion'", "rmsprop or sgd"));
  Optimiser adam(params_of(one), {});
  CHECK_THAT(error_text([&] { adam.update({}, 0.1); }), mentions("0 gradients", "expected 1"));
  CHECK_THAT(error_text([&] { adam.update({Tensor::zeros({3})}, 0.1); }),
             mentions("3 elements", "expected 2"));
  CHECK_THAT(error_text([&] { adam.update({Tensor::zeros({2}, {DType::float64})}, 0.1); }),
             mentions("float64", "2 of float32"));
}

}  // namespace stillpoint

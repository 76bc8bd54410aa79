// Tests softmax cross-entropy, the optimisers and kernels that follow indices on the CPU.
#include "kernels/host/pool.h"
#include "tests/kernels/index_cases.h"
#include "tests/kernels/losses_update_cases.h"
#include "tests/support/error_text.h"

namespace stillpoint::kernels {

TEST_CASE("softmax cross-entropy agrees with plain loops, to the smallest losses", "[softmax_xent]") {
  struct {
    std::int64_t rows, classes;
  } const sizes[] = {{1, 1},   {3, 2},   {520, 10}, {5200, 10}, {37, 33},
                     {7, 512}, {5, 513}, {3, 1500}, {103, 10}};
  for (const auto& [rows, classes] : sizes)
    for (const double spread : {0.01, 1.0, 20.0}) {
      check_softmax<float>(Device::cpu, rows, classes, spread);
      check_softmax<double>(Device::cpu, rows, classes, spread);
    }
}

TEST_CASE("a confident row's loss stays far below one ulp of 1", "[softmax_xent]") {
  const DeviceArray<float> logits(Device::cpu, {30.0f, 0.0f, 0.0f}), losses(Device::cpu, {0.0f});
  const DeviceArray<std::int32_t> labels(Device::cpu, {0});
  softmax_xent_forward(1, 3, logits.array(), labels.array(), losses.array());
  CHECK(losses.host()[0] == Approx(2 * std::exp(-30.0)).epsilon(1e-6));
}

TEST_CASE("labels out of range and logits that are not finite give NaN", "[softmax_xent]") {
  check_bad_labels(Device::cpu, 10);
  check_bad_labels(Device::cpu, 700);
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {infinity, std::numeric_limits<float>::quiet_NaN()})
    for (const std::int32_t label : {0, 1}) {
      const DeviceArray<float> logits(Device::cpu, {1.0f, bad, 2.0f}), losses(Device::cpu, {0.0f});
      const DeviceArray<std::int32_t> labels(Device::cpu, {label});
      softmax_xent_forward(1, 3, logits.array(), labels.array(), losses.array());
      CHECK(std::isnan(losses.host()[0]));
    }
  const DeviceArray<float> logits(Device::cpu, {1.0f, -infinity}), losses(Device::cpu, {1.0f});
  const DeviceArray<std::int32_t> labels(Device::cpu, {0});
  softmax_xent_forward(1, 2, logits.array(), labels.array(), losses.array());
  CHECK(losses.host()[0] == 0.0f);
}

TEST_CASE("Adam agrees with plain loops", "[adam]") {
  for (const double clip : {1.0, 0.25})
    for (const double decay : {0.0, 0.1}) {
      check_adam<float>(Device::cpu, optimiser_sizes(), clip, decay);
      check_adam<double>(Device::cpu, optimiser_sizes(), clip, decay);
    }
  check_adam<float>(Device::cpu, std::vector<std::int64_t>(170, 3), 1, 0);
  check_adam<float>(Device::cpu, {100000}, 1, 0);
  check_adam<double>(Device::cpu, {300, 7}, 0.25, 0, 0.1);  // decoupled weight decay
  check_adam<float>(Device::cpu, {}, 1, 0);
}

TEST_CASE("RMSprop agrees with plain loops", "[adam]") {
  for (const double momentum : {0.0, 0.9}) {
    check_rmsprop<float>(Device::cpu, optimiser_sizes(), 0.25, 0.1, momentum);
    check_rmsprop<double>(Device::cpu, optimiser_sizes(), 1, 0, momentum);
  }
}

TEST_CASE("gradient descent agrees with plain loops", "[adam]") {
  for (const double momentum : {0.0, 0.9}) {
    check_sgd<float>(Device::cpu, optimiser_sizes(), 1, 0.1, momentum);
    check_sgd<double>(Device::cpu, optimiser_sizes(), 0.5, 0, momentum);
  }
}

TEST_CASE("the gradient norm agrees with plain loops for every number of threads", "[adam]") {
  check_norm<float>(Device::cpu, {});
  check_norm<double>(Device::cpu, optimiser_sizes());
  const std::vector<std::int64_t> sizes{300000, 1, 700001, 0, 77};
  const int threads = kernels::thread_count();
  kernels::set_thread_count(1);
  const float alone = check_norm<float>(Device::cpu, sizes);
  kernels::set_thread_count(3);
  CHECK(check_norm<float>(Device::cpu, sizes) == alone);
  kernels::set_thread_count(threads);
}

TEST_CASE("the clip factor is min(1, c / (n + 1e-6))", "[adam]") { check_clip_factor(Device::cpu); }

TEST_CASE("an optimiser counts its steps from 1", "[adam]") {
  CHECK_THAT(error_text([] { adam_coefficients(0.1, 0.9, 0.999, 0); }),
             mentions("adam", "step 0", "expected 1"));
  CHECK_THAT(error_text([] { sgd_coefficients(0.1, 0.9, -2); }), mentions("sgd", "step -2"));
}

TEST_CASE("an embedding's adjoint on the CPU adds in the order of positions", "[embedding]") {
  for (const std::int64_t n : {0, 9, 5000}) {
    embedding_gradient<float>(Device::cpu, n, 10, 40, 3, false);
    embedding_gradient<double>(Device::cpu, n, 300, 7, 1, false);
  }
}

TEST_CASE("arg-max on the CPU takes the lowest of equal elements, and a NaN for infinity", "[predictions]") {
  check_argmax<float>(Device::cpu, 2000, 10);
  check_argmax<double>(Device::cpu, 30, 77);
  check_argmax<float>(Device::cpu, 3, 1);
}

TEST_CASE("a confusion matrix on the CPU counts pairs inside of it", "[predictions]") {
  check_confusion(Device::cpu);
}

}  // namespace stillpoint::kernels

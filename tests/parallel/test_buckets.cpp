// Tests buckets of gradients and the group with a single rank.
#include "engine/gradient_buckets.h"
#include "engine/ops.h"
#include "tasks/process/ranks.h"
#include "tests/support/catch.h"
#include "tests/support/error_text.h"
#include "tests/support/temp_dir.h"

namespace stillpoint {
namespace {

Tensor vector_of(std::vector<double> values) {
  const Index n = Index(values.size());
  return Tensor::from(values, {n}, {DType::float64}).variable();
}

std::vector<double> values_of(const Array& a) { return {a.as<double>(), a.as<double>() + a.size}; }

}  // namespace

TEST_CASE("gradients in buckets are those of the loss, weighted", "[parallel]") {
  const Tensor a = vector_of({1, 2, 3}), b = vector_of({4, 5, 6}), c = vector_of({0.5});
  const std::vector<Tensor> params{a, b, c};
  for (const Index bytes : {1, 24, 32, 1 << 20}) {
    GradientBuckets buckets(kernels::Communicator::alone(), params, bytes);
    for (int pass = 0; pass < 3; ++pass) {
      const Tensor loss = sum(multiply(a, multiply(b, b))) + multiply(c, c);
      const std::vector<Tensor> expected = grad(loss, params);
      const std::vector<Array>& found = buckets.gradients(loss, 0.25);
      for (std::size_t i = 0; i < params.size(); ++i)
        CHECK(values_of(found[i]) == affine(expected[i], 0.25, 0).values());
    }
    CHECK(buckets.buckets() == (bytes == 1 || bytes == 24 ? 3 : bytes == 32 ? 2 : 1));
  }
}

TEST_CASE("shares of a batch cover it, also where there are more ranks than samples", "[parallel]") {
  kernels::Communicator& group = kernels::Communicator::alone();
  const kernels::BatchShare share{&group, 7};
  CHECK(share.count() == 7);
  CHECK(share.weight() == 1);
  CHECK(kernels::SharedBatch::current() == nullptr);
  const kernels::SharedBatch guard(share);
  CHECK(kernels::SharedBatch::current() == nullptr);  // there is no rank to share with
}

TEST_CASE("a hash of parameters and state sees every bit", "[parallel]") {
  Tensor w = vector_of({1, 2});
  ParamList params;
  params("w", w);
  const Optimiser optimiser(params, {});
  const std::uint64_t before = hash_of(params, optimiser);
  CHECK(hash_of(params, optimiser) == before);
  w.assign(Tensor::from({1, std::nextafter(2.0, 3.0)}, {2}, {DType::float64}));
  CHECK(hash_of(params, optimiser) != before);
}

TEST_CASE("copies of buffers stand in for them", "[parallel]") {
  Tensor w = vector_of({1});
  const Tensor running = vector_of({5}).detach();
  ParamList params;
  params("w", w);
  params.buffer("running", running);
  BufferCopy copy;
  copy.take(params);
  running.assign(vector_of({6}));
  const ParamList kept = copy.in_place_of_buffers(params);
  CHECK(kept.trainable().size() == 1);
  CHECK(kept.buffers().at(0).name == "running");
  CHECK(kept.buffers()[0].tensor.item() == 5);
}

}  // namespace stillpoint

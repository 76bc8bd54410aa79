// Tests sums of partial gradients that wait for one launch, and passes whose gradients are such sums.
#include "kernels/launch/gradient_sums.h"

#include "engine/ops.h"
#include "tests/support/cuda_machine.h"
#include "tests/support/device_array.h"

namespace stillpoint {
namespace {

using kernels::DeferredSums, kernels::GradientSets;

// Two sets of two rows of three weights and a bias, 3 elements apart from row to row: 100 s + 10 o + e.
GradientSets two_sets(const Array& dw, const Array& db) {
  std::vector<float> values;
  for (int s = 0; s < 2; ++s)
    for (int o = 0; o < 2; ++o)
      for (int e = 0; e < 7; ++e) values.push_back(e < 4 ? float(100 * s + 10 * o + e) : -1e6f);
  Buffer partials(Device::cuda, values.size() * sizeof(float));
  copy_bytes(partials.data(), Device::cuda, values.data(), Device::cpu, partials.bytes());
  return {std::move(partials), 2, 14, DType::float32, {{0, 2, 3, 7, dw, db}}};
}

struct Sums {
  DeviceArray<float> dw{Device::cuda, std::vector<float>(6, 0.0f)}, db{Device::cuda, {0.0f, 0.0f}};

  void check() const {
    CHECK(dw.host() == std::vector<float>{100, 102, 104, 120, 122, 124});
    CHECK(db.host() == std::vector<float>{106, 126});
  }
};

TcnBlockParams block(Index channels, unsigned seed) {
  std::mt19937 rng(seed);
  const auto drawn = [&](const Shape& shape) {
    Index n = 1;
    for (const Index size : shape) n *= size;
    return Tensor::from(to_double(random_values<float>(rng, n)), shape, {DType::float32})
        .to(Device::cuda)
        .variable();
  };
  return {drawn({channels, channels, 3}),
          drawn({channels}),
          drawn({channels}),
          drawn({channels, channels, 3}),
          drawn({channels}),
          drawn({channels}),
          {},
          {}};
}

std::vector<Tensor> tensors(const TcnBlockParams& p) { return {p.v1, p.g1, p.b1, p.v2, p.g2, p.b2}; }

}  // namespace

TEST_CASE("sums of partial gradients wait for one launch", "[cuda][orders][sums]") {
  const Sums first, second, third;
  const auto start = [](const Sums& s) { sum_gradients(two_sets(s.dw.array(), s.db.array())); };
  start(first);
  first.check();
  simt::reset_stats();
  DeferredSums sums;
  start(second);
  start(third);
  CHECK_COUNTED(simt::stats().launches == 0);
  CHECK(sums.waits(third.dw.array().data));
  CHECK(sums.waits(second.db.array().data));
  CHECK_FALSE(sums.waits(first.dw.array().data));
  sums.finish();
  CHECK_COUNTED(simt::stats().launches == 1);
  CHECK_FALSE(sums.waits(third.dw.array().data));
  second.check();
  third.check();
}

TEST_CASE("more sums than a table holds take another launch", "[cuda][orders][sums]") {
  const std::vector<Sums> all(43);
  simt::reset_stats();
  DeferredSums sums;
  for (const Sums& s : all) sum_gradients(two_sets(s.dw.array(), s.db.array()));
  sums.finish();
  CHECK_COUNTED(simt::stats().launches == 2);
  for (const Sums& s : all) s.check();
}

TEST_CASE("weights of two blocks and weights behind an op have the sums of their gradients",
          "[cuda][orders][sums]") {
  const TcnBlockParams p = block(3, 1), q = block(3, 2);
  const Tensor x = Tensor::full({2, 3, 11}, 0.5, {DType::float32, Device::cuda});
  const auto loss_of = [&](const TcnBlockParams& first, const TcnBlockParams& second) {
    return sum(square(tcn_block(tcn_block(x, first, {1}), second, {2})));
  };
  const auto values = [&](const Tensor& loss, const std::vector<Tensor>& xs) {
    std::vector<std::vector<double>> found;
    for (const Tensor& g : grad(loss, xs)) found.push_back(g.values());
    return found;
  };
  TcnBlockParams twin = p;  // the same values in other variables
  for (Tensor* t : {&twin.v1, &twin.g1, &twin.b1, &twin.v2, &twin.g2, &twin.b2})
    *t = clone(t->detach()).variable();
  const auto apart = values(loss_of(p, twin), tensors(p)), behind = values(loss_of(p, twin), tensors(twin));
  const auto tied = values(loss_of(p, p), tensors(p));
  TcnBlockParams doubled = q;
  doubled.v1 = affine(q.v1, 2, 0);
  const auto through = values(loss_of(doubled, q), {q.v1});
  TcnBlockParams leaf = doubled;
  leaf.v1 = doubled.v1.detach().variable();
  const auto of_leaf = values(loss_of(leaf, q), {leaf.v1}), of_second = values(loss_of(leaf, q), {q.v1});
  for (std::size_t i = 0; i < tied.size(); ++i)
    for (std::size_t k = 0; k < tied[i].size(); ++k)
      CHECK(tied[i][k] == Approx(apart[i][k] + behind[i][k]).epsilon(1e-5).margin(1e-5));
  for (std::size_t k = 0; k < through[0].size(); ++k)
    CHECK(through[0][k] == Approx(2 * of_leaf[0][k] + of_second[0][k]).epsilon(1e-5).margin(1e-5));
}

TEST_CASE("gradients that nobody wants do not write to memory that has another owner",
          "[cuda][orders][sums]") {
  const TcnBlockParams p = block(3, 3), q = block(3, 4);
  const Tensor x = Tensor::full({2, 3, 40}, 0.5, {DType::float32, Device::cuda});
  const auto gain = [&] {
    return grad(sum(square(tcn_block(tcn_block(x, p, {1}), q, {1}))), {p.g1})[0].values();
  };
  const auto all = grad(sum(square(tcn_block(tcn_block(x, p, {1}), q, {1}))),
                        {p.v1, p.g1, p.b1, p.v2, p.g2, p.b2, q.v1, q.g1, q.b1, q.v2, q.g2, q.b2});
  CHECK(gain() == all[1].values());
}

}  // namespace stillpoint

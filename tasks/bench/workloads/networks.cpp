// Makes training steps and evaluations of every network.
#include "tasks/bench/workloads/networks.h"

#include "kernels/random/random.h"
#include "tasks/bench/workloads/families.h"

namespace stillpoint::bench {

Tensor uniform_data(Shape shape, std::uint64_t stream, Device device) {
  const Tensor y = Tensor::empty(std::move(shape), {DType::float32, device});
  kernels::fill_uniform(y.array(), {7, stream}, 0, 1);
  return y;
}

Tensor normal_data(Shape shape, std::uint64_t stream, Device device) {
  const Tensor y = Tensor::empty(std::move(shape), {DType::float32, device});
  kernels::fill_normal(y.array(), {7, stream}, 0, 1);
  return y;
}

Tensor integer_data(Shape shape, std::uint64_t stream, Index bound, Device device) {
  return affine(uniform_data(std::move(shape), stream, Device::cpu), double(bound), 0)
      .to(DType::int32)
      .to(device);
}

namespace {

const std::vector<NetworkRow>& network_rows() {
  static const std::vector<NetworkRow> rows = [] {
    std::vector<NetworkRow> all;
    add_sequence_networks(all);
    add_image_networks(all);
    add_pixel_networks(all);
    return all;
  }();
  return rows;
}

// The evaluations in a call. A tolerance decides them, so the call runs once, at the initial parameters.
Evaluations evaluations_in(const Network& network, const Sizes& s, const std::function<void()>& run) {
  if (!network.solved) return {};
  if (s.tolerance == 0) return {double(s.evaluations), double(s.evaluations)};
  run();
  return network.solved();
}

Call training_step(const NetworkRow& row, const Sizes& s, Device device) {
  const Network network = row.make(s, device);
  const auto adam = std::make_shared<Optimiser>(network.params, network.optimiser);
  const auto latest = std::make_shared<Tensor>();
  const auto gradients = [latest, network, tensors = network.params.tensors()] {
    *latest = {};  // frees its memory first, so that every recorded run uses the same memory
    const Tensor loss = network.loss();
    std::vector<Tensor> all = grad(loss, tensors);
    *latest = loss.detach();
    return all;
  };
  const Evaluations solved = evaluations_in(network, s, gradients);
  Call call{.work = training_work(network.cost(solved), double(network.params.count()),
                                  double(network.x.size() + network.y.size())),
            .examples = network.examples,
            .parameters = network.params.count(),
            .before = [adam] { adam->begin_step(1e-3); },
            .run = [adam, gradients] { adam->apply(gradients()); },
            .loss = [latest] { return latest->item(); },
            .solved = network.solved,
            .state = network.params.trainable()};
  for (const NamedTensor& buffer : network.params.buffers()) call.state.push_back(buffer);
  call.state.push_back({"x", network.x});
  call.state.push_back({"y", network.y});
  return call;
}

Call evaluation(const NetworkRow& row, const Sizes& s, Device device) {
  const Network network = row.make(s, device);
  const auto latest = std::make_shared<Tensor>();
  const auto run = [latest, network] {
    const Recording off(false);
    *latest = {};
    *latest = network.output().detach();
  };
  const Evaluations solved = evaluations_in(network, s, run);
  return {.work = evaluation_work(network.cost(solved), double(network.params.count()),
                                  double(network.x.size()), network.outputs),
          .examples = network.examples,
          .parameters = network.params.count(),
          .run = run,
          .loss = [latest, judge = network.judge] { return judge(*latest).item(); },
          .solved = network.solved};
}

}  // namespace

void add_steps(std::vector<Workload>& workloads) {
  for (const NetworkRow& row : network_rows())
    workloads.push_back({.name = "step/" + row.name,
                         .summary = "a training step of the " + row.summary,
                         .usual = row.usual,
                         .axes = row.axes,
                         .sim = row.sim.empty() ? "" : "step/" + row.sim,
                         .make = [row](const Sizes& s, Device d) { return training_step(row, s, d); }});
}

void add_evaluations(std::vector<Workload>& workloads) {
  for (const NetworkRow& row : network_rows()) {
    Sizes usual = row.usual;
    usual.batch = row.evaluation_batch;
    workloads.push_back({.name = "eval/" + row.name,
                         .summary = "an evaluation of the " + row.summary,
                         .usual = usual,
                         .axes = row.axes,
                         .sim = row.sim.empty() ? "" : "eval/" + row.sim,
                         .make = [row](const Sizes& s, Device d) { return evaluation(row, s, d); }});
  }
}

}  // namespace stillpoint::bench

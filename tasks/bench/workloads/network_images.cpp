// The models of images: SIM and monDEQ for MNIST's and CIFAR-10's sizes.
#include "models/image_sim.h"
#include "tasks/bench/workloads/image_sets.h"
#include "tasks/bench/workloads/networks.h"

namespace stillpoint::bench {
namespace {

constexpr Index classes = 10;

void set_judge(Network& network) {
  network.judge = [y = network.y](const Tensor& logits) { return softmax_cross_entropy(logits, y); };
  network.outputs = double(network.examples * classes);
}

Network sim(const ImageSet& set, const Sizes& s, Device device, bool two_tier) {
  Initializer init(0, {DType::float32, device});
  const HeadConfig head{.d = 50, .psi = 104, .bandwidth = 10, .hidden = 32};
  const Shape image{set.colours, s.length, s.length};
  const auto model = std::make_shared<ImageSim>(init, image, s.width, head, classes, two_tier);
  Network network =
      network_of(model, set.images(s, device), integer_data({s.batch}, 2, classes, device), {.eps = 1e-5});
  set_judge(network);
  network.output = [&m = *model, x = network.x] { return m(x, false); };
  network.loss = [&m = *model, x = network.x, judge = network.judge] { return judge(m(x, true)); };
  network.cost = [model, image, head, s, device](const Evaluations&) {
    return image_lift_cost(image, s.width, head.d, s.batch) +
           chain_cost(model->head.layers({}), model->head.fold, s.batch, device, true);
  };
  return network;
}

Network mondeq(const ImageSet& set, const std::string& channels, const Sizes& s, Device device) {
  const MonDeqConfig config = mondeq_config(channels, s);
  const auto model = mondeq_model(set, config, s, device);
  Network network = network_of(model, set.images(s, device), integer_data({s.batch}, 2, classes, device), {});
  set_judge(network);
  set_solved(network, *model);
  network.loss = [output = network.output, judge = network.judge] { return judge(output()); };
  network.cost = [config, colours = set.colours, s, device](const Evaluations& solved) {
    return mondeq_cost(config, colours, s.length, s.batch, device, solved);
  };
  return network;
}

void add_sims(std::vector<NetworkRow>& rows, const ImageSet& set) {
  for (const bool two : {false, true})
    rows.push_back({.name = set.name + (two ? "/sim-two" : "/sim-single"),
                    .summary = two ? "SIM with a random Fourier lift; width: channels of its convolutions"
                                   : "SIM; width: channels of its convolutions",
                    .usual = {.batch = 128, .length = set.side, .width = two ? set.two : set.single},
                    .evaluation_batch = 250,
                    .axes = {.batch = true, .length = true, .width = true},
                    .sim = {},
                    .make = [set, two](const Sizes& s, Device d) { return sim(set, s, d, two); }});
}

void add_mondeqs(std::vector<NetworkRow>& rows, const ImageSet& set) {
  Axes axes{.batch = true,
            .length = true,
            .width = true,
            .evaluations = true,
            .solvers = {"peaceman-rachford", "forward-backward"}};
  const Sizes usual{
      .batch = 128, .length = set.side, .width = set.mondeq, .evaluations = 10, .solver = axes.solvers[0]};
  rows.push_back(
      {.name = set.name + "/mondeq-single",
       .summary = "monDEQ of one convolution; width: its channels",
       .usual = usual,
       .evaluation_batch = 250,
       .axes = axes,
       .sim = set.name + "/sim-single",
       .make = [set](const Sizes& s, Device d) { return mondeq(set, std::to_string(s.width), s, d); }});
  axes.width = false;
  NetworkRow tiers{.name = set.name + "/mondeq-multi",
                   .summary = "monDEQ of the tiers " + set.tiers,
                   .usual = usual,
                   .evaluation_batch = 250,
                   .axes = axes,
                   .sim = set.name + "/sim-single",
                   .make = [set](const Sizes& s, Device d) { return mondeq(set, set.tiers, s, d); }};
  tiers.usual.width = 0;
  rows.push_back(std::move(tiers));
}

}  // namespace

MonDeqConfig mondeq_config(const std::string& channels, const Sizes& s) {
  return {.channels = channels,
          .solver = s.solver,
          .tolerance = s.tolerance,
          .max_iterations = evaluations_of(s),
          .check_every = s.tolerance > 0 ? 1 : 0};
}

std::shared_ptr<ConvMonDeq> mondeq_model(const ImageSet& set, const MonDeqConfig& config, const Sizes& s,
                                         Device device) {
  Initializer init(0, {DType::float32, device});
  return std::make_shared<ConvMonDeq>(init, config, set.colours, s.length, classes);
}

Tensor ImageSet::images(const Sizes& s, Device device) const {
  return normal_data({s.batch, colours, s.length, s.length}, 1, device);
}

const std::vector<ImageSet>& image_sets() {
  static const std::vector<ImageSet> sets{{"mnist", 1, 28, 24, 21, 56, "16,32,32"},
                                          {"cifar", 3, 32, 38, 36, 81, "16,32,60"}};
  return sets;
}

void add_image_networks(std::vector<NetworkRow>& rows) {
  for (const ImageSet& set : image_sets()) {
    add_sims(rows, set);
    add_mondeqs(rows, set);
  }
}

}  // namespace stillpoint::bench

// The models of copy memory: SIM, TCN and DEQ.
#include "models/sim.h"
#include "tasks/bench/workloads/networks.h"

namespace stillpoint::bench {
namespace {

constexpr Index tokens = 10;

Tensor labels_of(const Sizes& s, Device device) {
  return integer_data({s.batch * s.length}, 2, tokens - 1, device);
}

// Takes the logits and the loss from a model that maps x to logits.
template <class Model>
void set_network(Network& network, const Model& model) {
  network.output = [&model, x = network.x] { return model(x); };
}

void set_loss(Network& network, const Sizes& s) {
  network.judge = [y = network.y](const Tensor& logits) { return softmax_cross_entropy(logits, y); };
  network.loss = [output = network.output, judge = network.judge] { return judge(output()); };
  network.outputs = double(s.batch * s.length * tokens);
}

template <class Model>
Network sequence_network(std::shared_ptr<Model> model, const Sizes& s, Device device) {
  const Tensor x = integer_data({s.batch, 1, s.length}, 1, tokens - 1, device).to(DType::float32);
  Network network = network_of(model, x, labels_of(s, device), {.eps = 1e-5, .clip = 1});
  set_network(network, *model);
  set_loss(network, s);
  return network;
}

Network sim(const Sizes& s, Device device, bool two_tier) {
  Initializer init(0, {DType::float32, device});
  const TcnConfig tcn;
  const auto model = std::make_shared<SequenceSim>(
      init, tcn, HeadConfig{.d = s.width, .psi = s.width, .hidden = s.width}, tokens, two_tier);
  Network network = sequence_network(model, s, device);
  network.cost = [model, tcn, s, device](const Evaluations&) {
    const double positions = double(s.batch * s.length);
    Cost cost = tcn_cost(tcn, 1, s.batch, s.length) +
                chain_cost(model->head.layers({model->phi.lift.layer(Activation::identity)}),
                           model->head.fold, s.batch * s.length, device, true);
    cost.kept += positions * double(tcn.channels);  // in the order of positions
    return cost;
  };
  return network;
}

Network tcn(const Sizes& s, Device device) {
  Initializer init(0, {DType::float32, device});
  const TcnConfig config{.channels = s.width};
  const auto model = std::make_shared<SequenceTcn>(init, config, tokens);
  Network network = sequence_network(model, s, device);
  network.cost = [config, s](const Evaluations&) {
    const double channels = double(s.batch * s.length * config.channels);
    Cost cost = tcn_cost(config, 1, s.batch, s.length) +
                map_cost(channels * double(tokens), double(s.batch * s.length * tokens));
    cost.kept += channels;
    return cost;
  };
  return network;
}

Network deq(const Sizes& s, Device device) {
  Initializer init(0, {DType::float32, device});
  const DeqConfig config{.d = s.width,
                         .inner = s.width,
                         .solver = s.solver,
                         .adjoint_solver = s.solver,
                         .steps = evaluations_of(s),
                         .adjoint_steps = evaluations_of(s),
                         .tolerance = s.tolerance,
                         .adjoint_tolerance = s.tolerance,
                         .check_every = s.tolerance > 0 ? 1 : 0};
  const auto model = std::make_shared<DeqTransformer>(init, config, tokens);
  // From the model's own values 30 evaluations do not solve the equilibrium, and programs that round
  // differently part by 3e-3 in the second loss. From these the solves end at rounding, and losses agree.
  const auto scale = [](const Tensor& t, double by) { t.assign(affine(t.detach(), by, 0)); };
  for (const Tensor& t : {model->embedding, model->inject.w, model->b_w, model->b_r}) scale(t, 30);
  for (const WeightNormLinear* map : {&model->qkv, &model->r, &model->o, &model->first, &model->second})
    scale(map->g, 0.6);
  Network network = network_of(model, integer_data({s.batch, s.length}, 1, tokens - 1, device),
                               labels_of(s, device), {.clip = 0.25});
  set_solved(network, *model);
  set_loss(network, s);
  network.cost = [config, s](const Evaluations& solved) {
    return deq_cost(config, tokens, s.batch, s.length, solved);
  };
  return network;
}

}  // namespace

void add_sequence_networks(std::vector<NetworkRow>& rows) {
  const Axes axes{.batch = true, .length = true, .width = true};
  Axes solved = axes;
  solved.evaluations = true;
  solved.solvers = {"broyden", "anderson", "picard"};
  Sizes head, channels, features;
  head.batch = channels.batch = features.batch = 1;
  head.length = channels.length = features.length = 520;
  head.width = 32;
  channels.width = 10;
  features.width = 40;
  features.evaluations = 30;
  features.solver = solved.solvers[0];
  rows.push_back({"copy-memory/sim-single", "SIM; width: of its head", head, 50, axes, "",
                  [](const Sizes& s, Device d) { return sim(s, d, false); }});
  head.batch = 10;
  rows.push_back({"copy-memory/sim-two", "SIM with a random Fourier lift; width: of its head", head, 50, axes,
                  "", [](const Sizes& s, Device d) { return sim(s, d, true); }});
  rows.push_back(
      {"copy-memory/tcn", "TCN with a linear map; width: its channels", channels, 50, axes, "", tcn});
  rows.push_back({"copy-memory/deq", "DEQ-Transformer; width: its features", features, 5, solved,
                  "copy-memory/sim-single", deq});
}

}  // namespace stillpoint::bench

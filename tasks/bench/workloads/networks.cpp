// Makes training steps and evaluations of every registered model.
#include <tuple>

#include "engine/ops.h"
#include "engine/optim.h"
#include "models/model_family.h"
#include "models/mondeq.h"
#include "tasks/bench/workloads/calls.h"
#include "tasks/bench/workloads/families.h"
#include "tasks/bench/workloads/problems.h"

namespace stillpoint::bench {
namespace {

// A model of a problem, with its data.
struct Network {
  std::shared_ptr<Model> model;
  ParamList params;
  Tensor x, y, noise;
  bool solves;

  Evaluations solved() const {
    const SolverReports reports = model->reports().value();
    return {double(reports.forward.read().steps),
            reports.adjoint ? double(reports.adjoint->read().steps) : 0};
  }
  // Returns what `run` computes. A tolerance decides how often f is evaluated, so `run` runs once.
  Cost cost(const Sizes& s, const std::function<void()>& run) const {
    Evaluations evaluations;
    if (solves && s.tolerance > 0) {
      run();
      evaluations = solved();
    } else if (solves) {
      evaluations = {double(s.evaluations), double(s.evaluations)};
    }
    return model->cost(x, evaluations).value_or(Cost{});
  }
  std::function<Evaluations()> solved_by() const {
    if (!solves) return {};
    return [network = *this] { return network.solved(); };
  }
};

// A model of a problem by name, before it is made.
struct NetworkRow {
  const Problem* problem;
  std::string model;

  const Benchmark& bench() const { return problem->models->bench(model); }
  std::string name() const { return problem->name + "/" + (bench().row.empty() ? model : bench().row); }
};

Json settings_of(const Benchmark& bench, const Sizes& s) {
  Json settings = bench.settings;
  const auto set = [&](const std::vector<std::string>& names, const Json& value) {
    for (const std::string& name : names) settings[name] = value;
  };
  set(bench.width, s.width);
  set(bench.methods, s.solver);
  set(bench.evaluations, evaluations_of(s));
  set(bench.tolerances, s.tolerance);
  set(bench.checks, s.tolerance > 0 ? 1 : 0);
  return settings;
}

Network make(const NetworkRow& row, const Sizes& s, Device device) {
  const Problem& problem = *row.problem;
  ModelSettings settings(*problem.models);
  read_config(settings, settings_of(row.bench(), s), row.name());
  Initializer init(0, {DType::float32, device});
  Network network{.model = settings.make(row.model, init, problem.shape(s)),
                  .params = {},
                  .x = {},
                  .y = {},
                  .noise = {},
                  .solves = !row.bench().evaluations.empty()};
  network.params = network.model->params();
  for (const auto& [name, factor] : row.bench().scaled)
    for (const NamedTensor& t : network.params.trainable())
      if (t.name == name) t.tensor.assign(affine(t.tensor.detach(), factor, 0));
  const ModelFacts facts = network.model->facts();
  std::tie(network.x, network.y) = problem.data(s, facts.tokens, device);
  if (facts.noise > 0) network.noise = normal_data({s.batch, s.length, facts.noise}, 3, device);
  return network;
}

// The least bytes of a training step: data, and the parameters, the gradients and Adam's two moments, all
// read and written; a forward pass leaves activations. What a call changes or leaves for later is written
// once and read once, all else is read once. Whatever fits into registers or a cache until it is used up is
// no traffic.
Work training_work(const Cost& cost, double parameters, double data) {
  return work_of(cost.forward + cost.backward, data + 8 * parameters + 2 * cost.kept);
}

Call training_step(const NetworkRow& row, const Sizes& s, Device device) {
  const Network network = make(row, s, device);
  const auto adam = std::make_shared<Optimiser>(
      network.params, OptimiserConfig{.eps = row.bench().eps, .clip = row.bench().clip});
  const auto latest = std::make_shared<Tensor>();
  const auto gradients = [latest, network, judge = row.problem->judge, tensors = network.params.tensors()] {
    *latest = {};  // frees its memory first, so that every recorded run uses the same memory
    const Model::Value value = network.model->train(network.x, network.noise);
    const Tensor loss = judge(value.y, network.y);
    std::vector<Tensor> all = grad(value.penalty.defined() ? loss + value.penalty : loss, tensors);
    *latest = loss.detach();
    return all;
  };
  const double parameters = double(network.params.count());
  Call call{.work = training_work(network.cost(s, gradients), parameters,
                                  double(network.x.size() + network.y.size())),
            .examples = s.batch,
            .parameters = network.params.count(),
            .before = [adam] { adam->begin_step(1e-3); },
            .run = [adam, gradients] { adam->apply(gradients()); },
            .loss = [latest] { return latest->item(); },
            .solved = network.solved_by(),
            .state = network.params.trainable()};
  for (const NamedTensor& buffer : network.params.buffers()) call.state.push_back(buffer);
  call.state.push_back({"x", network.x});
  call.state.push_back({"y", network.y});
  return call;
}

// An evaluation keeps nothing for a backward pass. Only train() reports what a solver did.
Call evaluation(const NetworkRow& row, const Sizes& s, Device device) {
  const Network network = make(row, s, device);
  const auto latest = std::make_shared<Tensor>();
  const auto run = [latest, network] {
    const Recording off(false);
    *latest = {};
    *latest = network.solves ? network.model->train(network.x, network.noise).y : (*network.model)(network.x);
  };
  const double outputs = double(network.y.dim(0) * row.problem->shape(s).outputs);
  return {.work = work_of(network.cost(s, run).forward,
                          double(network.x.size() + network.params.count()) + outputs),
          .examples = s.batch,
          .parameters = network.params.count(),
          .run = run,
          .loss = [latest, network, judge = row.problem->judge] { return judge(*latest, network.y).item(); },
          .solved = network.solved_by()};
}

// The sizes of a training step, and which of them a sweep may change.
std::pair<Sizes, Axes> sizes_of(const NetworkRow& row) {
  const Benchmark& bench = row.bench();
  Sizes usual = row.problem->usual;
  if (bench.batch > 0) usual.batch = bench.batch;
  usual.evaluations = bench.usual_evaluations;
  ModelSettings settings(*row.problem->models);
  FieldList fields;
  settings.fields(fields);
  Axes axes{.batch = true, .length = usual.length > 0, .evaluations = !bench.evaluations.empty()};
  for (const FieldList::Field& field : fields.fields) {
    if (!bench.width.empty() && field.name == bench.width[0])
      usual.width = *std::get<std::int64_t*>(field.value);
    if (!bench.methods.empty() && field.name == bench.methods[0]) axes.solvers = field.check.choices;
  }
  if (!axes.solvers.empty()) usual.solver = axes.solvers[0];
  const Shape image = row.problem->shape(usual).input;
  if (!image.empty() && !bench.channels.grey.empty()) {
    const std::vector<Index> channels = parse_channels(bench.channels.of(image[0]));
    if (channels.size() == 1) usual.width = channels[0];
  }
  axes.width = usual.width > 0;
  return {usual, axes};
}

void add_rows(std::vector<Workload>& workloads, const std::string& kind, const std::string& what,
              Call (*make_call)(const NetworkRow&, const Sizes&, Device)) {
  for (const Problem& problem : problems())
    for (const std::string& model : problem.models->names()) {
      const NetworkRow row{&problem, model};
      const Benchmark& bench = row.bench();
      auto [usual, axes] = sizes_of(row);
      if (kind == "eval/")
        usual.batch = bench.evaluations.empty() ? problem.evaluation_batch : problem.evaluation_solves;
      const std::string sim = bench.sim.empty() ? "" : kind + NetworkRow{&problem, bench.sim}.name();
      workloads.push_back(
          {.name = kind + row.name(),
           .summary = what + model + ", " + problem.models->summary(model) + (axes.width ? "; width: " : "") +
                      (!axes.width           ? ""
                       : bench.width.empty() ? "channels"
                                             : join(bench.width)),
           .usual = usual,
           .axes = axes,
           .sim = sim,
           .make = [row, make_call](const Sizes& s, Device d) { return make_call(row, s, d); }});
    }
}

}  // namespace

void add_steps(std::vector<Workload>& workloads) {
  add_rows(workloads, "step/", "a training step of model ", training_step);
}

void add_evaluations(std::vector<Workload>& workloads) {
  add_rows(workloads, "eval/", "an evaluation of model ", evaluation);
}

}  // namespace stillpoint::bench

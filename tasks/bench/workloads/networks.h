// The paper's models with data at any size, for the rows of training steps and of evaluations.
#pragma once
#include "engine/optim.h"
#include "models/model_family.h"
#include "tasks/bench/workloads/cost.h"

namespace stillpoint::bench {

struct Network {
  std::shared_ptr<void> model = {};  // owns what the functions refer to
  ParamList params = {};
  OptimiserConfig optimiser = {};
  Tensor x = {}, y = {};
  Index examples = 1;
  double outputs = 0;                                      // floats of output()
  std::function<Tensor()> loss = {};                       // of x and y in training, recorded
  std::function<Tensor()> output = {};                     // of x in an evaluation
  std::function<Tensor(const Tensor& output)> judge = {};  // the loss of an output
  std::function<Evaluations()> solved = {};                // by the latest of either; empty without a solver
  std::function<Cost(const Evaluations& solved)> cost = {};
};

struct NetworkRow {
  std::string name;  // as in copy-memory/sim-single
  std::string summary;
  Sizes usual;             // of a training step
  Index evaluation_batch;  // of an evaluation
  Axes axes;
  std::string sim;  // the name of the SIM row of the same task, for a DEQ
  std::function<Network(const Sizes&, Device)> make;
};

void add_sequence_networks(std::vector<NetworkRow>& rows);
void add_image_networks(std::vector<NetworkRow>& rows);
void add_pixel_networks(std::vector<NetworkRow>& rows);

// The most evaluations of a solve that ends by its tolerance.
inline constexpr Index most_evaluations = 300;
inline Index evaluations_of(const Sizes& sizes) {
  return sizes.tolerance > 0 ? most_evaluations : sizes.evaluations;
}

// Data by stream: uniform in [0, 1), standard normal, and int32 in [0, bound).
Tensor uniform_data(Shape shape, std::uint64_t stream, Device device);
Tensor normal_data(Shape shape, std::uint64_t stream, Device device);
Tensor integer_data(Shape shape, std::uint64_t stream, Index bound, Device device);

// Fills the parts of a network that do not depend on the kind of model.
template <class Model>
Network network_of(std::shared_ptr<Model> model, Tensor x, Tensor y, OptimiserConfig optimiser) {
  Network network;
  network.params = params_of(*model);
  network.model = std::move(model);
  network.optimiser = std::move(optimiser);
  network.x = std::move(x);
  network.y = std::move(y);
  network.examples = network.x.dim(0);
  return network;
}

// Sets what a model with a solver computes and reports.
template <class Model>
void set_solved(Network& network, const Model& model) {
  const auto reports = std::make_shared<SolverReports>();
  network.output = [&model, reports, x = network.x] {
    *reports = {};  // frees its memory first, so that every recorded run uses the same memory
    const auto value = model.value(x);
    *reports = {value.solution.forward, value.solution.adjoint};
    return value.logits;
  };
  network.solved = [reports]() -> Evaluations {
    return {double(reports->forward.read().steps),
            reports->adjoint ? double(reports->adjoint->read().steps) : 0};
  };
}

// Makes a call of a solve, forward or backward. The work of a solve with a tolerance is that of its first
// run.
Call solve_call(const Sizes& s, const std::function<PendingReport()>& solve, bool backward,
                const std::function<Work(double evaluations)>& work);

}  // namespace stillpoint::bench

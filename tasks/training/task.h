// What a task gives to the one training loop.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/config.h"
#include "engine/params.h"
#include "tasks/io/metrics.h"

namespace stillpoint {

using Metrics = std::vector<std::pair<std::string, double>>;  // the first is the headline

class Task {
 public:
  virtual ~Task() = default;

  virtual ParamList params() = 0;
  virtual Index steps_per_epoch() const = 0;
  virtual Index examples_per_step() const = 0;
  // What changes from step to step (from 0), on the CPU: a function of the step alone, so that a resumed run
  // sees what an uninterrupted one would have seen. Empty where every step has the same data.
  virtual std::vector<Tensor> batch(Index step) const = 0;
  // Where batch() is empty and several ranks train: from now on loss() is the mean over these of its
  // examples.
  virtual void take_share(Index /*first*/, Index /*last*/) {}
  // The recorded loss, shape (1), of a batch on the task's device: a mean over examples, which are the rows
  // of batch[0]; every tensor of the batch has as many rows, or a multiple.
  virtual Tensor loss(const std::vector<Tensor>& batch) = 0;
  // Called before the loss of every step, with its batch on the task's device: for what a recipe adjusts on
  // its way.
  virtual void before_step(Index, const std::vector<Tensor>&) {}
  // Whether loss() and its gradient are device work alone, so that a graph may record them.
  virtual bool recordable() const { return true; }
  // Reads what the solvers behind the latest loss() and its gradient did; after a replay, what they did in
  // it. Empty where there are none.
  virtual std::function<Metrics()> statistics() const { return {}; }
  // Tells the data apart that are learnt from, as content_of() does; empty where the program makes them.
  virtual std::string content() const { return {}; }
  // What is to be said of how the data were read; empty where nothing is.
  virtual std::string note() const { return {}; }
  virtual std::vector<std::string> splits() const = 0;  // names for evaluate(); the last is "test"
  virtual Metrics evaluate(const std::string& split) = 0;
  // What the latest evaluate() found beyond its metrics, as eval and results.json show it; empty where that
  // is all.
  virtual Json details() const { return Json::object(); }
  // Writes what a finished or interrupted run shows (images, ...) and mirrors it to TensorBoard.
  // Where shows_results() is false, nothing.
  virtual bool shows_results() const { return true; }
  virtual void write_results(const std::filesystem::path& folder, TensorBoardWriter* tensorboard,
                             Index step) = 0;
};

// Settings of training that every task has.
struct TrainConfig {
  std::int64_t seed = 0;
  std::int64_t epochs = 20;
  double lr = 1e-3;
  std::string schedule = "constant";
  std::int64_t step_epochs = 10;
  std::string optimiser = "adam";
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, momentum = 0, clip = 0;
  std::string dtype = "float32", precision = "float32";
  std::int64_t log_every = 50, evaluate_every = 1, checkpoint_every = 1;
  double checkpoint_minutes = 10;

  template <class F>
  void fields(F& f) {
    f("seed", seed, "seed of initial values, data order and random features", at_least(0));
    f("epochs", epochs, "passes over the training set", counted());
    f("lr", lr, "learning rate (the largest one of the schedule)", factor());
    f("schedule", schedule, "learning rate over time", one_of({"constant", "step", "1cycle", "cosine"}));
    f("step_epochs", step_epochs, "epochs between the drops of schedule step", counted());
    f("optimiser", optimiser, "update rule", one_of({"adam", "sgd"}));
    f("beta1", beta1, "Adam's first moment decay", between(0, 0.999999));
    f("beta2", beta2, "Adam's second moment decay", between(0, 0.999999));
    f("eps", eps, "Adam's eps, outside the square root", factor());
    f("weight_decay", weight_decay, "L2 coefficient added to the gradient", between(0, most_factor));
    f("momentum", momentum, "SGD's momentum", between(0, 0.999999));
    f("clip", clip, "largest global norm of the gradient; 0: no clipping", between(0, most_factor));
    f("dtype", dtype, "type of parameters and activations", one_of({"float32", "float64"}));
    f("precision", precision, "rounding of float32 operands in matrix products",
      one_of({"float32", "tf32", "bf16"}));
    f("log_every", log_every, "steps between logged training rows", counted());
    f("evaluate_every", evaluate_every, "epochs between evaluations", counted());
    f("checkpoint_every", checkpoint_every, "epochs between checkpoints", counted());
    f("checkpoint_minutes", checkpoint_minutes,
      "minutes after which a step ends with a checkpoint; 0: epochs only", between(0, most_factor));
  }
};

// Of parameters and activations.
inline DType dtype_of(const TrainConfig& config) {
  return config.dtype == "float64" ? DType::float64 : DType::float32;
}

}  // namespace stillpoint

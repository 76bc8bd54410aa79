// The interface between a task and the training loop, and the settings of training.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/config.h"
#include "engine/params.h"
#include "models/model_family.h"
#include "tasks/io/metrics.h"

namespace stillpoint {

// What does not change while a task lives. Its constructor fills it in.
struct TaskFacts {
  Index steps_per_epoch = 1, examples_per_step = 1;
  std::vector<std::string> splits = {"valid", "test"};  // names for evaluate(); the last is "test"
  // Whether loss() and its gradient only queue device work, so that a CUDA graph may record them.
  bool recordable = true;
  bool writes_results = false;  // whether write_results() is there
  std::string content = {};     // content_of() the data that are learnt from; empty if the program makes them
  std::string note = {};        // for the user, on how the data were read; empty if there is none
  Json found = Json::object();  // settings that were open and that the data have decided; a run records them
};

struct Evaluation {
  Metrics metrics;
  Json details = Json::object();  // what was found besides, for eval and results.json
};

class Task {
 public:
  virtual ~Task() = default;

  const TaskFacts& facts() const { return facts_; }
  virtual ParamList params() = 0;
  // Returns the model that loss() trains, or null if it is none of a family.
  virtual Model* model() { return nullptr; }
  // Returns the data of a step (from 0), on the CPU: a function of only the step, so that a resumed run sees
  // the same data as an uninterrupted one. Empty if every step has the same data.
  virtual std::vector<Tensor> batch(Index step) const = 0;
  // Returns the recorded loss, shape (1), of a batch on the task's device: a mean over examples, which are
  // the rows of batch[0]. Every tensor of the batch has the same number of rows, or a multiple of it.
  virtual Tensor loss(const std::vector<Tensor>& batch) = 0;
  virtual Evaluation evaluate(const std::string& split) = 0;

  // Called before the loss of every step, with its batch on the task's device, so that a recipe can adjust
  // its settings.
  virtual void before_step(Index, const std::vector<Tensor>&) {}
  // Returns the data of every step, on the task's device, if batch() is empty.
  virtual std::vector<Tensor> whole_batch() const { return {}; }
  // Called if batch() is empty and more than one rank trains: loss() is then the mean over these examples.
  virtual void take_share(Index /*first*/, Index /*last*/) {}
  // Returns a function that reads what the solvers did in the latest loss() and its gradient, or in the
  // latest replay. Empty if the task has no solvers.
  virtual std::function<Metrics()> statistics() const { return {}; }
  // Writes what a finished or interrupted run shows (images, ...), and mirrors it to TensorBoard.
  virtual void write_results(const std::filesystem::path&, TensorBoardWriter*, Index /*step*/) {}

 protected:
  TaskFacts facts_;
};

// Settings of training that every task has.
struct TrainConfig {
  std::int64_t seed = 0;
  std::int64_t epochs = 20;
  double lr = 1e-3;
  std::string schedule = "constant";
  std::int64_t step_epochs = 10;
  std::string optimiser = "adam";
  std::filesystem::path init = {};
  std::string best = {}, target = {};
  std::int64_t patience = 0;
  double minutes = 0;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, momentum = 0, clip = 0;
  std::string dtype = "float32", precision = "float32";
  std::int64_t log_every = 50, evaluate_every = 1, checkpoint_every = 1;
  double checkpoint_minutes = 10;
  std::int64_t log_gradients = 0;

  template <class F>
  void fields(F& f) {
    f("seed", seed, "seed of initial values, data order and random features", at_least(0));
    f("epochs", epochs, "passes over the training set", counted());
    f("lr", lr, "learning rate (the largest one of the schedule)", factor());
    f("schedule", schedule, "learning rate over time", one_of({"constant", "step", "1cycle", "cosine"}));
    f("step_epochs", step_epochs, "epochs between the drops of schedule step", counted());
    f("optimiser", optimiser, "update rule", one_of({"adam", "adamw", "rmsprop", "sgd"}));
    f("beta1", beta1, "Adam's first moment decay", between(0, 0.999999));
    f("beta2", beta2, "decay of the mean of squares, with adam, adamw and rmsprop", between(0, 0.999999));
    f("eps", eps, "eps beside the root of that mean", factor());
    f("weight_decay", weight_decay,
      "L2 coefficient added to the gradient; with adamw, lr times it shrinks the parameters",
      between(0, most_factor));
    f("momentum", momentum, "momentum of rmsprop and sgd", between(0, 0.999999));
    f("clip", clip, "largest global norm of the gradient; 0: no clipping", between(0, most_factor));
    f("dtype", dtype, "type of parameters and activations", one_of({"float32", "float64"}));
    f("precision", precision, "rounding of float32 operands in matrix products",
      one_of({"float32", "tf32", "bf16"}));
    f("log_every", log_every, "steps between logged training rows", counted());
    f("evaluate_every", evaluate_every, "epochs between evaluations", counted());
    f("checkpoint_every", checkpoint_every, "epochs between checkpoints", counted());
    f("checkpoint_minutes", checkpoint_minutes,
      "minutes after which a step ends with a checkpoint; 0: epochs only", between(0, most_factor));
    f("log_gradients", log_gradients,
      "first steps whose weights, batch, gradients, outputs and solver traces are written to `steps`",
      counted(0));
    f("init", init,
      "run or safetensors file whose tensors of the same name and shape are the initial values; empty: "
      "random");
    f("best", best,
      "validation metric whose best checkpoint is kept as best.safetensors; empty: none is kept");
    f("patience", patience,
      "evaluations without a better `best` (or first metric) after which training ends; 0: never",
      counted(0));
    f("target", target, "value of `best` (or the first metric) at which training ends; empty: none");
    f("minutes", minutes, "minutes of training after which it ends; 0: no limit", between(0, most_factor));
  }
};

// Returns the type of parameters and activations.
inline DType dtype_of(const TrainConfig& config) {
  return config.dtype == "float64" ? DType::float64 : DType::float32;
}

}  // namespace stillpoint

// One step of training: takes a batch, updates the parameters, and returns loss and gradient norm.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "engine/gradient_buckets.h"
#include "engine/optim.h"
#include "kernels/device/upload.h"
#include "kernels/device/work_graph.h"
#include "tasks/training/task.h"

namespace stillpoint {

OptimiserConfig optimiser_config(const TrainConfig& config);

// On a GPU, forward, backward and update are recorded as one CUDA graph per shape of batch. The first step of
// a shape runs unrecorded, the second is recorded, and every later one is a single launch, while the next
// batch is uploaded. The results equal those of unrecorded steps bit for bit. If there is more than one rank,
// each computes the loss and the gradients of its own rows of the batch. They are summed over the ranks
// before the update, which is then the same on all of them.
class TrainingStep {
 public:
  struct Options {
    Device device = Device::cpu;
    bool recorded = true;  // if the task can be recorded; false: a GPU runs every step unrecorded
    Index last_step = 0;   // no batch beyond it is fetched ahead
    kernels::Communicator* group = &kernels::Communicator::alone();
    std::function<void()> before_update = {};  // called before an update by more than one rank, or on the CPU
  };
  // The arguments must outlive this.
  TrainingStep(Task& task, Optimiser& optimiser, const ParamList& params, Options options);

  // If the loss is not finite the norm is NaN. A single rank on a GPU queues the update before either is
  // known. Throws OutOfMemory, with the largest batch that would fit, if a smaller one does.
  struct Result {
    double loss, grad_norm;
    bool asked = false;  // whether any rank passed `ask`
  };
  Result run(Index step, double lr, bool ask = false);
  // Returns the solvers' metrics in the latest step over all ranks, which must call it together; empty
  // without solvers.
  Metrics statistics();
  // Returns the number of steps that were replayed from a graph so far.
  Index replays() const { return replays_; }

 private:
  // The batches of one shape on the GPU.
  struct Slot {
    std::vector<Tensor> inputs;
    std::vector<kernels::Upload> uploads;
    kernels::WorkGraph graph;
    Tensor loss, norm;             // of the latest step
    std::vector<Array> gradients;  // only for more than one rank
    std::function<Metrics()> statistics;
    kernels::BatchShare share;
    bool warm = false;
  };

  Result run_step(Index step, double lr, bool ask);
  Result run_on_cpu(Index step, double lr, bool ask);
  Result finish_shared(Slot& slot, double lr, bool ask);
  bool shared() const { return options_.group->size() > 1; }
  kernels::BatchShare share_of(const std::vector<Tensor>& batch) const;
  std::vector<Tensor> own_part(const std::vector<Tensor>& batch) const;
  std::string largest_batch_that_fits(Index step);
  Slot& upload(Index step);
  void compute(Slot& slot);

  Task& task_;
  Optimiser& optimiser_;
  std::vector<Tensor> params_;
  Options options_;
  Tensor seed_;                             // of a loss: 1
  std::optional<GradientBuckets> buckets_;  // only for more than one rank
  std::map<std::pair<Index, std::vector<Shape>>, Slot>
      slots_;  // by samples on all ranks, and shapes on this one
  std::function<Metrics()> on_cpu_;
  const std::function<Metrics()>* latest_ = nullptr;  // a slot's, or on_cpu_
  Slot* ahead_ = nullptr;                             // holds the batch of step ahead_step_
  Index ahead_step_ = -1, replays_ = 0;
  double weight_ = 1;  // of this rank in the latest step
};

}  // namespace stillpoint

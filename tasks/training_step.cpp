// Steps on the CPU, and recorded steps on a GPU.
#include "tasks/training_step.h"

#include <cmath>

#include "engine/ops.h"
#include "kernels/range.h"

namespace stillpoint {

OptimiserConfig optimiser_config(const TrainConfig& c) {
  return {.kind = c.optimiser,
          .beta1 = c.beta1,
          .beta2 = c.beta2,
          .eps = c.eps,
          .weight_decay = c.weight_decay,
          .momentum = c.momentum,
          .clip = c.clip};
}

TrainingStep::TrainingStep(Task& task, Optimiser& optimiser, const ParamList& params, Options options)
    : task_(task), optimiser_(optimiser), params_(params.tensors()), options_(options) {}

TrainingStep::Result TrainingStep::run_on_cpu(Index step, double lr) {
  const std::vector<Tensor> batch = task_.batch(step);
  task_.before_step(step, batch);
  const Tensor loss = task_.loss(batch);
  const double value = loss.item();
  if (!std::isfinite(value)) return {value, NAN};
  const std::vector<Tensor> gradients = grad(loss, params_);
  on_cpu_ = task_.statistics();
  latest_ = &on_cpu_;
  return {value, optimiser_.update(gradients, lr).item()};
}

// Starts to bring the step's batch to the GPU.
TrainingStep::Slot& TrainingStep::upload(Index step) {
  const kernels::Range range("batch");
  const std::vector<Tensor> batch = task_.batch(step);
  std::vector<Shape> shapes;
  for (const Tensor& t : batch) shapes.push_back(t.shape());
  Slot& slot = slots_[shapes];
  if (slot.inputs.empty()) {
    for (const Tensor& t : batch)
      slot.inputs.push_back(Tensor::empty(t.shape(), {t.dtype(), options_.device}));
    slot.uploads.resize(batch.size());
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Array host = batch[i].array();
    slot.uploads[i].start(options_.device, host.data, std::size_t(host.size * size_of(host.dtype)));
  }
  return slot;
}

void TrainingStep::compute(Slot& slot) const {
  Tensor loss;
  slot.loss = loss;  // gives its memory back first: every run takes the same
  slot.statistics = nullptr;
  {
    const kernels::Range range("forward");
    loss = task_.loss(slot.inputs);
  }
  std::vector<Tensor> gradients;
  {
    const kernels::Range range("backward");
    gradients = grad(loss, params_);
  }
  slot.statistics = task_.statistics();
  const kernels::Range range("update");
  slot.norm = optimiser_.apply(gradients);
  slot.loss = loss.detach();
}

TrainingStep::Result TrainingStep::run(Index step, double lr) {
  try {
    return run_step(step, lr);
  } catch (const OutOfMemory& error) {
    throw OutOfMemory(error.what() + largest_batch_that_fits(step));
  }
}

// Gradients of ever smaller parts of the batch, until one fits; memory beyond what is held anyway grows with
// the batch.
std::string TrainingStep::largest_batch_that_fits(Index step) {
  const std::vector<Tensor> batch = task_.batch(step);
  latest_ = nullptr;
  slots_.clear();
  ahead_step_ = -1;
  release_cached_memory(options_.device);
  const std::size_t held = memory_stats(options_.device).in_use,
                    available = available_memory(options_.device);
  for (Index part = task_.examples_per_step() / 2; !batch.empty() && part > 0; part /= 2) {
    reset_peak_memory(options_.device);
    try {
      std::vector<Tensor> inputs;
      for (const Tensor& t : batch) {
        Shape end = t.shape();
        end[0] = end[0] / task_.examples_per_step() * part;
        inputs.push_back(slice(t, Shape(end.size(), 0), end).to(options_.device));
      }
      grad(task_.loss(inputs), params_);
    } catch (const OutOfMemory&) {
      release_cached_memory(options_.device);
      continue;
    }
    const double each = double(memory_stats(options_.device).peak - held) / double(part);
    return text("; about ", Index(double(available) / each), " of the ", task_.examples_per_step(),
                " examples of a batch fit");
  }
  return batch.empty() ? "; the task has no batch to make smaller" : "; not even one example fits";
}

TrainingStep::Result TrainingStep::run_step(Index step, double lr) {
  if (options_.device == Device::cpu) return run_on_cpu(step, lr);
  const kernels::Range range("step");
  Slot& slot = ahead_step_ == step ? *ahead_ : upload(step);
  for (std::size_t i = 0; i < slot.inputs.size(); ++i) slot.uploads[i].finish(slot.inputs[i].array().data);
  task_.before_step(step, slot.inputs);
  optimiser_.begin_step(lr);
  const auto work = [&] { compute(slot); };
  if (!options_.recorded || !task_.recordable()) {
    work();
  } else if (!slot.warm) {
    slot.graph.warm_up(work);
    slot.warm = true;
  } else {
    if (!slot.graph.recorded()) slot.graph.record(work);
    slot.graph.replay();
    ++replays_;
  }
  latest_ = &slot.statistics;
  if (step < options_.last_step) {
    ahead_ = &upload(step + 1);
    ahead_step_ = step + 1;
  }
  return {slot.loss.item(), slot.norm.item()};
}

}  // namespace stillpoint

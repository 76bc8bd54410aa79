// Runs steps on the CPU, and recorded steps on a GPU.
#include "tasks/training/training_step.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "engine/ops.h"
#include "kernels/host/range.h"
#include "tasks/process/ranks.h"

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
    : task_(task),
      optimiser_(optimiser),
      params_(params.tensors()),
      options_(std::move(options)),
      seed_(Tensor::full({1}, 1, params_[0].options())) {
  options_.recorded = options_.recorded && kernels::WorkGraph::available(options_.device);
  if (!shared()) return;
  require_agreement(*options_.group, hash_of(name_of(options_.device)), "a device",
                    "name it to all ranks with --device");
  options_.group->prepare(options_.device);
  buckets_.emplace(*options_.group, params_);
  if (!task_.batch(0).empty()) return;
  const kernels::BatchShare share = share_of({});
  const Index rank = options_.group->rank(), first = share.count() > 0 ? share.first(rank) : 0;
  task_.take_share(first, first + std::max<Index>(1, share.count()));
}

kernels::BatchShare TrainingStep::share_of(const std::vector<Tensor>& batch) const {
  return {options_.group, batch.empty() ? task_.facts().examples_per_step : batch[0].dim(0)};
}

// Returns the rows of this rank, or the first row if it has none (kernels/group/shared_batch.h).
std::vector<Tensor> TrainingStep::own_part(const std::vector<Tensor>& batch) const {
  if (!shared()) return batch;
  const kernels::BatchShare share = share_of(batch);
  const Index first = share.count() > 0 ? share.first(options_.group->rank()) : 0;
  std::vector<Tensor> part;
  for (const Tensor& t : batch) {
    const Index rows = t.dim(0) / share.samples;
    Shape begin(t.shape().size(), 0), end = t.shape();
    begin[0] = first * rows;
    end[0] = begin[0] + std::max<Index>(1, share.count()) * rows;
    part.push_back(slice(t, begin, end));
  }
  return part;
}

// Returns the largest of all ranks' values, and the share of all samples that have converged.
Metrics TrainingStep::statistics() {
  Metrics metrics = latest_ != nullptr && *latest_ ? (*latest_)() : Metrics();
  if (!shared()) return metrics;
  for (auto& [name, value] : metrics) {
    if (name.ends_with("_converged")) {
      value = options_.group->sum({weight_ * value})[0];
      continue;
    }
    for (const std::uint64_t bits : options_.group->gather(std::bit_cast<std::uint64_t>(value))) {
      const double other = std::bit_cast<double>(bits);
      if (!std::isnan(value) && !(value >= other)) value = other;  // NaN is the largest
    }
  }
  return metrics;
}

TrainingStep::Result TrainingStep::run_on_cpu(Index step, double lr, bool ask) {
  const std::vector<Tensor> whole = task_.batch(step), batch = own_part(whole);
  const kernels::BatchShare share = share_of(whole);
  const kernels::SharedBatch guard(share);
  weight_ = share.weight();
  task_.before_step(step, batch);
  const Tensor loss = task_.loss(batch);
  const double value = loss.item();
  if (!shared() && !std::isfinite(value)) return {value, NAN};
  kernels::Communicator& group = *options_.group;
  const auto pending = group.start_sum({share.count() > 0 ? share.weight() * value : 0, double(ask)});
  std::vector<Tensor> own;
  std::vector<Array> gradients;
  if (shared()) {
    gradients = buckets_->gradients(loss, share.weight());
  } else {
    own = grad(loss, params_);
    for (const Tensor& g : own) gradients.push_back(g.array());
  }
  on_cpu_ = task_.statistics();
  latest_ = &on_cpu_;
  const std::vector<double> sums = group.wait(pending);
  Result result{sums[0], NAN, sums[1] > 0};
  if (!std::isfinite(result.loss)) return result;
  if (options_.before_update) options_.before_update();
  optimiser_.begin_step(lr);
  result.grad_norm = optimiser_.apply(gradients).item();
  return result;
}

// Starts the upload of the step's batch to the GPU.
TrainingStep::Slot& TrainingStep::upload(Index step) {
  const kernels::Range range("batch");
  const std::vector<Tensor> whole = task_.batch(step), batch = own_part(whole);
  const kernels::BatchShare share = share_of(whole);
  std::vector<Shape> shapes;
  for (const Tensor& t : batch) shapes.push_back(t.shape());
  Slot& slot = slots_[{share.samples, shapes}];
  slot.share = share;
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

void TrainingStep::compute(Slot& slot) {
  Tensor loss;
  slot.loss = loss;  // frees its memory first, so that every run uses the same memory
  slot.statistics = nullptr;
  {
    const kernels::Range range("forward");
    loss = task_.loss(slot.inputs);
  }
  slot.gradients.clear();
  std::vector<Tensor> own;
  {
    const kernels::Range range("backward");
    if (shared())
      slot.gradients = buckets_->gradients(loss, slot.share.weight());
    else
      own = grad(loss, params_, seed_);
  }
  slot.statistics = task_.statistics();
  slot.loss = loss.detach();
  if (shared()) return;
  const kernels::Range range("update");
  slot.norm = optimiser_.apply(own);
}

// Updates only when the sums are complete on the device and all ranks know that the loss is finite, so that
// the remains of a lost rank never reach the parameters.
TrainingStep::Result TrainingStep::finish_shared(Slot& slot, double lr, bool ask) {
  kernels::Communicator& group = *options_.group;
  group.wait_for(options_.device);
  const double loss = slot.share.count() > 0 ? slot.share.weight() * slot.loss.item() : 0;
  const std::vector<double> sums = group.sum({loss, double(ask)});
  Result result{sums[0], NAN, sums[1] > 0};
  if (!std::isfinite(result.loss)) return result;
  if (options_.before_update) options_.before_update();
  optimiser_.begin_step(lr);
  result.grad_norm = optimiser_.apply(slot.gradients).item();
  return result;
}

TrainingStep::Result TrainingStep::run(Index step, double lr, bool ask) {
  try {
    return run_step(step, lr, ask);
  } catch (const OutOfMemory& error) {
    throw OutOfMemory(error.what() + largest_batch_that_fits(step));
  }
}

// Computes gradients of ever smaller parts of the batch until one fits. Memory beyond what is held anyway
// grows in proportion to the batch, which gives the estimate.
std::string TrainingStep::largest_batch_that_fits(Index step) {
  const std::vector<Tensor> batch = task_.batch(step);
  latest_ = nullptr;
  slots_.clear();
  ahead_step_ = -1;
  release_cached_memory(options_.device);
  const std::size_t held = memory_stats(options_.device).in_use,
                    available = available_memory(options_.device);
  for (Index part = task_.facts().examples_per_step / 2; !batch.empty() && part > 0; part /= 2) {
    reset_peak_memory(options_.device);
    try {
      std::vector<Tensor> inputs;
      for (const Tensor& t : batch) {
        Shape end = t.shape();
        end[0] = end[0] / task_.facts().examples_per_step * part;
        inputs.push_back(slice(t, Shape(end.size(), 0), end).to(options_.device));
      }
      grad(task_.loss(inputs), params_);
    } catch (const OutOfMemory&) {
      release_cached_memory(options_.device);
      continue;
    }
    const double each = double(memory_stats(options_.device).peak - held) / double(part);
    return text("; about ", Index(double(available) / each), " of the ", task_.facts().examples_per_step,
                " examples of a batch fit");
  }
  return batch.empty() ? "; the task has no batch to make smaller" : "; not even one example fits";
}

TrainingStep::Result TrainingStep::run_step(Index step, double lr, bool ask) {
  if (options_.device == Device::cpu) return run_on_cpu(step, lr, ask);
  const kernels::Range range("step");
  Slot& slot = ahead_step_ == step ? *ahead_ : upload(step);
  const kernels::SharedBatch guard(slot.share);
  weight_ = slot.share.weight();
  for (std::size_t i = 0; i < slot.inputs.size(); ++i) slot.uploads[i].finish(slot.inputs[i].array().data);
  task_.before_step(step, slot.inputs);
  if (!shared()) optimiser_.begin_step(lr);
  const auto work = [&] { compute(slot); };
  if (!options_.recorded || !task_.facts().recordable) {
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
  if (shared()) return finish_shared(slot, lr, ask);
  return {slot.loss.item(), slot.norm.item()};
}

}  // namespace stillpoint

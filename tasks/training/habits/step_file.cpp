// Computes a step beside the training, for others to compare.
#include "tasks/training/habits/step_file.h"

#include "engine/io/checkpoint.h"
#include "engine/ops.h"

namespace stillpoint {
namespace {

std::vector<Tensor> batch_on(Device device, const Task& task, Index step) {
  std::vector<Tensor> batch;
  for (const Tensor& t : task.batch(step)) batch.push_back(t.to(device));
  return batch;
}

void add_trace(const std::string& name, const PendingReport& pending, std::vector<NamedTensor>& tensors) {
  const SolveReport report = pending.read();
  const Index samples = Index(report.samples.size());
  if (samples == 0 || report.trace.empty()) return;
  tensors.push_back({name, Tensor::from(report.trace, {Index(report.trace.size()) / samples, samples},
                                        {DType::float64, Device::cpu})});
}

}  // namespace

void write_step(Task& task, Index step, Device device, const Json& settings, const std::string& task_name,
                const std::filesystem::path& path) {
  const ParamList params = task.params();
  std::vector<Tensor> before;
  for (const NamedTensor& buffer : params.buffers()) before.push_back(clone(buffer.tensor.detach()));
  const std::vector<Tensor> batch = batch_on(device, task, step),
                            shown = batch.empty() ? task.whole_batch() : batch;
  task.before_step(step, batch);
  std::vector<NamedTensor> tensors;
  for (const NamedTensor& p : params.trainable()) tensors.push_back({"weight/" + p.name, p.tensor.detach()});
  for (const NamedTensor& b : params.buffers())
    tensors.push_back({"buffer/" + b.name, clone(b.tensor.detach())});
  for (std::size_t i = 0; i < shown.size(); ++i) tensors.push_back({text("batch/", i), shown[i]});
  const Tensor loss = task.loss(batch);
  const std::vector<Tensor> gradients = grad(loss, params.tensors());
  tensors.push_back({"loss", loss.detach()});
  for (std::size_t i = 0; i < gradients.size(); ++i)
    tensors.push_back({"gradient/" + params.trainable()[i].name, gradients[i].detach()});
  if (Model* const model = task.model(); model != nullptr && !shown.empty()) {
    if (const std::optional<SolverReports> reports = model->reports()) {
      if (reports->z.defined()) tensors.push_back({"equilibrium", reports->z});
      add_trace("forward", reports->forward, tensors);
      if (reports->adjoint != nullptr) add_trace("adjoint", *reports->adjoint, tensors);
    }
    const Tensor noise = model->facts().noise > 0 ? shown.back() : Tensor();
    tensors.push_back({"output", model->train(shown[0], noise).y.detach()});
  }
  for (std::size_t i = 0; i < before.size(); ++i) params.buffers()[i].tensor.assign(before[i]);
  const Json about{{"task", task_name}, {"step", step}, {"config", settings}};
  save_tensors(path, tensors, {{"stillpoint", about.dump()}});
}

}  // namespace stillpoint

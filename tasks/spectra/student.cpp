// Trains a stable invariant model on equilibria with Adam and a cosine schedule.
#include "tasks/spectra/student.h"

#include <algorithm>
#include <cmath>

#include "engine/ops.h"
#include "engine/optim.h"
#include "engine/schedule.h"
#include "tasks/training/order.h"

namespace stillpoint {
namespace {

constexpr Index together = 20;  // sequences that are evaluated at once

// The settings of a family's models, and which of them is meant.
struct StudentConfig {
  std::string model;
  ModelSettings models;
  template <class F>
  void fields(F& f) {
    models.fields(f);
  }
};

std::unique_ptr<Model> make_student(const ModelFamily& family, const StudentOptions& o, Index outputs,
                                    TensorOptions numbers) {
  const std::vector<std::string> names = family.names();
  require(std::find(names.begin(), names.end(), o.model) != names.end(), "distil: given the student '",
          shown(o.model), "', expected one of ", join(names), did_you_mean(o.model, names));
  StudentConfig config{o.model, ModelSettings(family)};
  const Json known = write_config(config);
  for (const char* size : {"d_phi", "d_psi"})
    if (known.contains(size)) read_config(config, {{size, o.features}}, "distil");
  for (const std::string& assignment : o.settings) {
    const SettingsLayer layer = set_layer(assignment);
    read_config(config, layer.object, layer.source, layer.values);
  }
  Initializer init(std::uint64_t(o.seed), numbers);
  std::unique_ptr<Model> model = config.models.make(o.model, init, {.outputs = outputs});
  require(!model->facts().tokens, "distil: given the student '", o.model,
          "', expected a model without a solver, choose single or two");
  return model;
}

double root_mean_square(const Tensor& t) { return std::sqrt(mean(square(t)).item()); }

Tensor chosen(const Tensor& rows, const std::vector<Index>& which) {
  std::vector<Tensor> parts;
  for (const Index row : which) parts.push_back(slice(rows, {row, 0}, {row + 1, rows.dim(1)}));
  return concat(parts);
}

}  // namespace

Student::Student(const ModelFamily& family, const DeqTransformer& teacher, const Lesson& lesson,
                 const StudentOptions& options)
    : teacher_(teacher), options_(options), numbers_(teacher.embedding.options()) {
  const Tensor z = lesson.z.to(numbers_.dtype);
  {
    const Recording off(false);
    scale_ = root_mean_square(z);
    logits_scale_ = root_mean_square(teacher.logits(z));
  }
  require(scale_ > 0 && logits_scale_ > 0, "distil: given equilibria that are zero, expected a trained DEQ");
  model_ = make_student(family, options, teacher.embedding.dim(1), numbers_);
  const ParamList params = model_->params();
  Optimiser optimiser(params, {.eps = 1e-8, .clip = 1});
  const EpochOrder order{std::uint64_t(options.seed), lesson.ids.dim(0), true};
  const Schedule schedule{.kind = ScheduleKind::cosine, .lr = options.lr, .steps_per_epoch = options.steps};
  for (Index step = 0; step < options.steps; ++step) {
    const std::vector<Index> rows = order.batch(step, options.batch);
    const Tensor loss = this->loss(chosen(lesson.ids, rows), chosen(z, rows));
    require(std::isfinite(loss.item()), "distil: given a loss of ", loss.item(), " in step ", step, " with ",
            options.features, " features, expected a finite one, lower --lr");
    optimiser.update(grad(loss, params.tensors()), schedule.lr_at(step));
  }
}

Tensor Student::inputs(const Tensor& ids) const {
  return reshape(ids, {ids.dim(0), 1, ids.dim(1)}).to(numbers_.dtype);
}

Tensor Student::loss(const Tensor& ids, const Tensor& z) const {
  const Tensor y = (*model_)(inputs(ids)), target = reshape(affine(z, 1 / scale_, 0), y.shape());
  const Tensor of_z = mean_squared_error(y, target);
  if (options_.logits == 0) return of_z;
  const Tensor given = teacher_.logits(affine(y, scale_, 0)), wanted = teacher_.logits(z).detach();
  return of_z +
         affine(mean_squared_error(given, wanted), options_.logits / (logits_scale_ * logits_scale_), 0);
}

Tensor Student::equilibria(const Tensor& ids) const {
  const Recording off(false);
  std::vector<Tensor> parts;
  for (Index n = 0; n < ids.dim(0); n += together) {
    const Tensor part = slice(ids, {n, 0}, {std::min(ids.dim(0), n + together), ids.dim(1)});
    parts.push_back(reshape(affine((*model_)(inputs(part)), scale_, 0), {part.dim(0), -1}));
  }
  return concat(parts);
}

}  // namespace stillpoint

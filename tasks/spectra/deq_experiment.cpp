// Collects snapshots of a trained DEQ's cell, lifts them and predicts equilibria from Koopman matrices.
#include "tasks/spectra/deq_experiment.h"

#include <algorithm>
#include <optional>

#include "engine/ops.h"
#include "tasks/spectra/dictionaries.h"
#include "tasks/training/run_folder.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};
constexpr Index most_snapshots = 1000, solved_together = 5;

Tensor flat(const Tensor& z) { return reshape(z.to(DType::float64), {z.dim(0), -1}); }

Tensor columns(const Tensor& x, Index count) { return slice(x, {0, 0}, {x.dim(0), count}); }

Tensor beside(const Tensor& a, const Tensor& b) {
  const Index n = a.dim(0), width = a.dim(1) + b.dim(1);
  return pad(a, {0, 0}, {n, width}) + pad(b, {0, a.dim(1)}, {n, width});
}

// Returns x as numbers (n, ·): 1 for the token at each position, or phi(x).
Tensor inputs_of(const Tensor& ids, Index tokens, const std::optional<SequenceLift>& phi) {
  if (phi) {
    const Tensor x = reshape(ids, {ids.dim(0), 1, ids.dim(1)}).to(phi->lift.w.dtype());
    return reshape((*phi)(x).detach().to(DType::float64), {ids.dim(0), -1});
  }
  std::vector<double> one_hot(std::size_t(ids.size() * tokens), 0);
  const std::vector<double> values = ids.values();
  for (std::size_t i = 0; i < values.size(); ++i)
    one_hot[i * std::size_t(tokens) + std::size_t(values[i])] = 1;
  return Tensor::from(one_hot, {ids.dim(0), ids.dim(1) * tokens}, f64);
}

}  // namespace

double relative_distance(const Tensor& a, const Tensor& b) {
  return std::sqrt(sum(square(a - b)).item() / sum(square(b)).item());
}

Tensor equilibria(const DeqTransformer& model, const Tensor& ids) {
  std::vector<Tensor> parts;
  for (Index n = 0; n < ids.dim(0); n += solved_together) {
    const Tensor part = slice(ids, {n, 0}, {std::min(ids.dim(0), n + solved_together), ids.dim(1)});
    parts.push_back(flat(model.value(part).solution.z.detach()));
  }
  return concat(parts);
}

const SpectrumSource& spectrum_source(const char* command, const std::filesystem::path& checkpoint) {
  const std::string task = find_checkpoint(checkpoint).record.task;
  const auto& source = task_kind(task).spectrum();
  require(source.has_value(), command, ": given ", checkpoint.string(), ", a checkpoint of ", task,
          ", expected one of ", tasks_with([](const TaskKind& kind) { return kind.spectrum().has_value(); }),
          ", choose another");
  return *source;
}

DeqExperiment::DeqExperiment(SpectrumRequest given, std::ostream& out) : request_(std::move(given)) {
  const SpectrumRequest& request = request_;
  const std::filesystem::path run = checkpoint_of(request.system);
  const SpectrumSource& source = spectrum_source("spectrum", run);
  trained_ = source.deq(run, request.trajectories, request.held_out);
  const Recording off(false);
  const DeqTransformer& model = trained_.model;
  const Index tokens = model.embedding.dim(0), n = trained_.fit.dim(0);
  std::optional<SequenceLift> phi;
  if (!request.phi.empty()) phi = source.lift(checkpoint_of(request.phi));
  out << "solving for " << n << " + " << request.held_out << " inputs" << std::endl;
  const Tensor fit_solution = equilibria(model, trained_.fit);
  solution_ = equilibria(model, trained_.held_out);
  const Tensor fit_x = inputs_of(trained_.fit, tokens, phi);
  x_ = principal_basis(fit_x, n);
  fit_x_ = x_.coordinates(fit_x);
  held_out_x_ = x_.coordinates(inputs_of(trained_.held_out, tokens, phi));

  // The snapshots are z* and states at as many times as there is room for; the times double.
  const DeqCell f = model.cell(trained_.fit);
  const Tensor start =
      Tensor::zeros({n, trained_.fit.dim(1), model.embedding.dim(1)}, model.embedding.options());
  std::vector<Tensor> snapshots{fit_solution};
  Tensor z = start;
  for (Index t = 1; t <= request.steps && Index(snapshots.size() + 1) * n <= most_snapshots; ++t) {
    z = f(z);
    if ((t & (t - 1)) == 0) snapshots.push_back(flat(z));
  }
  z_ = principal_basis(concat(snapshots), *std::max_element(request.sizes.begin(), request.sizes.end()));
  fit_solution_ = z_.coordinates(fit_solution);
  z = start;
  path_.push_back(z_.coordinates(flat(z)));
  for (Index t = 0; t < request.steps; ++t) path_.push_back(z_.coordinates(flat(z = f(z))));
  held_out_start_ =
      expand(columns(slice(path_[0], {0, 0}, {1, z_.size()}), z_.size()), {request.held_out, z_.size()});
  mean_error_ = relative_distance(
      expand(affine(sum_to(fit_solution, {1, fit_solution.dim(1)}), 1 / double(n), 0), solution_.shape()),
      solution_);
  iterate_held_out();
}

// Iterates ten times as long as the trajectories of the fit.
void DeqExperiment::iterate_held_out() {
  const DeqCell f = trained_.model.cell(trained_.held_out);
  const Tensor& embedding = trained_.model.embedding;
  Tensor z =
      Tensor::zeros({request_.held_out, trained_.held_out.dim(1), embedding.dim(1)}, embedding.options());
  for (Index t = 0; t < 10 * request_.steps; ++t) z = f(z);
  residual_ = relative_distance(flat(z), flat(f(z)));
  distance_ = relative_distance(flat(z), solution_);
}

// Returns the leading coordinates of z and of x, scaled so that the first of each has a variance of one.
Tensor DeqExperiment::states(const Tensor& z, const Tensor& x, Index size) const {
  const auto part = [size](const Tensor& t, const PrincipalBasis& basis) {
    return affine(columns(t, std::min(size, basis.size())), 1 / std::sqrt(basis.variance[0]), 0);
  };
  return beside(part(z, z_), part(x, x_));
}

Tensor DeqExperiment::features(const Tensor& states) const {
  const SpectrumRequest& r = request_;
  if (r.dictionary == "identity") return monomial_dictionary(1)(states);
  double variance = 0;
  for (const PrincipalBasis* basis : {&z_, &x_})
    for (const double v : basis->variance) variance += v / basis->variance[0];
  const Tensor lifted = dictionary_of(r, states, std::sqrt(variance))(states);
  return r.dictionary == "fourier" ? beside(states, lifted) : lifted;
}

double DeqExperiment::loss_of(const Tensor& z) const {
  const Tensor& embedding = trained_.model.embedding;
  const Tensor state =
      reshape(z, {request_.held_out, trained_.held_out.dim(1), embedding.dim(1)}).to(embedding.dtype());
  return softmax_cross_entropy(trained_.model.logits(state), trained_.held_out_labels).item();
}

DeqExperiment::Row DeqExperiment::row(Index size) const {
  const Recording off(false);
  std::vector<Tensor> lifted;
  for (const Tensor& z : path_) lifted.push_back(features(states(z, fit_x_, size)));
  const StepPairs pairs = step_pairs(lifted);
  const KoopmanOptions options{.truncation = request_.truncation, .rank = request_.rank};
  Row row{.state = std::min(size, z_.size()),
          .input = std::min(size, x_.size()),
          .features = lifted[0].dim(1),
          .k = estimate_koopman(pairs.from, pairs.to, options),
          .found = {}};
  row.found = findings_of(
      row.k, pairs, options, [this](const KoopmanEstimate&) { return tolerance(); }, request_.resamples);
  const Tensor coordinates = columns(fit_solution_, row.state),
               held_out = features(states(held_out_start_, held_out_x_, size));
  const auto error = [&](const Tensor& c) { return relative_distance(z_.rows(c), solution_); };
  row.subspace = error(columns(z_.coordinates(solution_), row.state));
  const Tensor regressed =
      matmul(held_out, estimate_readout(lifted[0], coordinates, options), {.transpose_b = true});
  row.regressed = z_.rows(regressed);
  row.regression = error(regressed);
  // r is the linear map from features back to coordinates.
  row.readout = estimate_readout(concat(lifted), columns(concat(path_), row.state), options);
  const Settling settling = row.found.spectrum.settling;
  if (settling == Settling::diverges || settling == Settling::undecided) return row;
  const Tensor limit = fixed_space(row.k.matrix, {.tolerance = tolerance()}).matrix();
  const Tensor settled = matmul(held_out, matmul(row.readout, limit), {.transpose_b = true});
  row.predicted = z_.rows(settled);
  row.projected = error(settled);
  row.loss = loss_of(row.predicted);
  return row;
}

}  // namespace stillpoint

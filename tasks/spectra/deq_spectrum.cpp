// Treats a trained DEQ's cell as a dynamical system: snapshots, dictionaries, Koopman matrices, predictions.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <optional>

#include "engine/ops.h"
#include "solvers/koopman/principal_basis.h"
#include "solvers/koopman/systems.h"
#include "tasks/drawing/chart.h"
#include "tasks/io/npy.h"
#include "tasks/settings/registry.h"
#include "tasks/spectra/spectrum_command.h"
#include "tasks/spectra/spectrum_files.h"
#include "tasks/training/run_folder.h"

namespace stillpoint {
namespace {

constexpr TensorOptions f64{DType::float64, Device::cpu};
constexpr Index most_snapshots = 1000, most_features = 3000, solved_together = 5;

Tensor flat(const Tensor& z) { return reshape(z.to(DType::float64), {z.dim(0), -1}); }

Tensor columns(const Tensor& x, Index count) { return slice(x, {0, 0}, {x.dim(0), count}); }

Tensor beside(const Tensor& a, const Tensor& b) {
  const Index n = a.dim(0), width = a.dim(1) + b.dim(1);
  return pad(a, {0, 0}, {n, width}) + pad(b, {0, a.dim(1)}, {n, width});
}

double relative_distance(const Tensor& a, const Tensor& b) {
  return std::sqrt(sum(square(a - b)).item() / sum(square(b)).item());
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

// Returns z* (n, L d) from the model's own solver.
Tensor equilibria(const DeqTransformer& model, const Tensor& ids) {
  std::vector<Tensor> parts;
  for (Index n = 0; n < ids.dim(0); n += solved_together) {
    const Tensor part = slice(ids, {n, 0}, {std::min(ids.dim(0), n + solved_together), ids.dim(1)});
    parts.push_back(flat(model.value(part).solution.z.detach()));
  }
  return stacked(parts, 0, parts.size());
}

const SpectrumSource& source_of(const std::filesystem::path& checkpoint) {
  const std::string task = find_checkpoint(checkpoint).record.task;
  const auto& source = task_kind(task).spectrum();
  require(source.has_value(), "spectrum: given ", checkpoint.string(), ", a checkpoint of ", task,
          ", expected one of ", tasks_with([](const TaskKind& kind) { return kind.spectrum().has_value(); }),
          ", choose another");
  return *source;
}

// Holds what does not depend on the dictionary: trajectories and solutions in principal coordinates.
class Experiment {
 public:
  Experiment(const SpectrumRequest& request, std::ostream& out);
  struct Row {
    Index state = 0, input = 0, features = 0;
    KoopmanEstimate k;
    SpectrumFindings found;
    Tensor readout = {},
           predicted = {};  // from features to principal coordinates; z* of held-out inputs by eq. 7
    double projected = NAN, regression = NAN, subspace = NAN, loss = NAN;
  };
  Row row(Index size) const;
  double mean_error() const { return mean_error_; }
  double loss() const { return loss_of(solution_); }
  double residual() const { return residual_; }
  double distance() const { return distance_; }
  Index directions() const { return z_.size(); }
  double tolerance() const { return request_.tolerance > 0 ? request_.tolerance : 1e-6; }

 private:
  Tensor states(const Tensor& z, const Tensor& x, Index size) const;
  Tensor features(const Tensor& states) const;
  double loss_of(const Tensor& z) const;
  void iterate_held_out();

  const SpectrumRequest& request_;
  TrainedDeq trained_;
  PrincipalBasis z_, x_;
  std::vector<Tensor> path_;  // z_0, ..., z_steps of the fit in principal coordinates
  Tensor fit_x_, held_out_x_, fit_solution_, held_out_start_;  // in principal coordinates
  Tensor solution_;                                            // z* of held-out inputs, (n, L d)
  double mean_error_ = 0, residual_ = 0, distance_ = 0;
};

Experiment::Experiment(const SpectrumRequest& request, std::ostream& out) : request_(request) {
  const std::filesystem::path run = checkpoint_of(request.system);
  const SpectrumSource& source = source_of(run);
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
  z_ = principal_basis(stacked(snapshots, 0, snapshots.size()),
                       *std::max_element(request.sizes.begin(), request.sizes.end()));
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
void Experiment::iterate_held_out() {
  const DeqCell f = trained_.model.cell(trained_.held_out);
  const Tensor& embedding = trained_.model.embedding;
  Tensor z =
      Tensor::zeros({request_.held_out, trained_.held_out.dim(1), embedding.dim(1)}, embedding.options());
  for (Index t = 0; t < 10 * request_.steps; ++t) z = f(z);
  residual_ = relative_distance(flat(z), flat(f(z)));
  distance_ = relative_distance(flat(z), solution_);
}

// Returns the leading coordinates of z and of x, scaled so that the first of each has a variance of one.
Tensor Experiment::states(const Tensor& z, const Tensor& x, Index size) const {
  const auto part = [size](const Tensor& t, const PrincipalBasis& basis) {
    return affine(columns(t, std::min(size, basis.size())), 1 / std::sqrt(basis.variance[0]), 0);
  };
  return beside(part(z, z_), part(x, x_));
}

Tensor Experiment::features(const Tensor& states) const {
  const Index width = states.dim(1);
  const SpectrumRequest& r = request_;
  if (r.dictionary == "monomials") {
    double count = 1;
    for (Index k = 1; k <= r.degree; ++k) count *= double(width + k) / double(k);
    require(count <= double(most_features), "spectrum: given monomials of degree ", r.degree, " in ", width,
            " coordinates, which are ", count, ", expected at most ", most_features,
            ", choose smaller --sizes or a lower --degree");
    return monomial_dictionary(r.degree)(states);
  }
  if (r.dictionary == "fourier") {
    double variance = 0;
    for (const PrincipalBasis* basis : {&z_, &x_})
      for (const double v : basis->variance) variance += v / basis->variance[0];
    return beside(states,
                  fourier_dictionary(r.features, r.bandwidth * std::sqrt(variance), r.seed, width)(states));
  }
  return monomial_dictionary(1)(states);
}

double Experiment::loss_of(const Tensor& z) const {
  const Tensor& embedding = trained_.model.embedding;
  const Tensor state =
      reshape(z, {request_.held_out, trained_.held_out.dim(1), embedding.dim(1)}).to(embedding.dtype());
  return softmax_cross_entropy(trained_.model.logits(state), trained_.held_out_labels).item();
}

Experiment::Row Experiment::row(Index size) const {
  const Recording off(false);
  std::vector<Tensor> lifted;
  for (const Tensor& z : path_) lifted.push_back(features(states(z, fit_x_, size)));
  const KoopmanOptions options{.truncation = request_.truncation};
  Row row{.state = std::min(size, z_.size()),
          .input = std::min(size, x_.size()),
          .features = lifted[0].dim(1),
          .k = estimate_koopman(stacked(lifted, 0, lifted.size() - 1), stacked(lifted, 1, lifted.size()),
                                options),
          .found = {}};
  row.found = findings_of(
      row.k, lifted, options, [this](const KoopmanEstimate&) { return tolerance(); }, request_.resamples);
  const Tensor coordinates = columns(fit_solution_, row.state),
               held_out = features(states(held_out_start_, held_out_x_, size));
  const auto error = [&](const Tensor& c) { return relative_distance(z_.rows(c), solution_); };
  row.subspace = error(columns(z_.coordinates(solution_), row.state));
  row.regression =
      error(matmul(held_out, estimate_readout(lifted[0], coordinates, options), {.transpose_b = true}));
  // r is the linear map from features back to coordinates.
  row.readout = estimate_readout(stacked(lifted, 0, lifted.size()),
                                 columns(stacked(path_, 0, path_.size()), row.state), options);
  const Settling settling = row.found.spectrum.settling;
  if (settling == Settling::diverges || settling == Settling::undecided) return row;
  const Tensor limit = fixed_space(row.k.matrix, {.tolerance = tolerance()}).matrix();
  const Tensor settled = matmul(held_out, matmul(row.readout, limit), {.transpose_b = true});
  row.predicted = z_.rows(settled);
  row.projected = error(settled);
  row.loss = loss_of(row.predicted);
  return row;
}

Json json_of(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json json_of(const Experiment::Row& row) {
  Json result = json_of(row.found);
  result.update({{"state_coordinates", row.state},
                 {"input_coordinates", row.input},
                 {"features", row.features},
                 {"fit_rank", row.k.rank},
                 {"fit_error", row.k.error},
                 {"projection_error", json_of(row.projected)},
                 {"regression_error", json_of(row.regression)},
                 {"subspace_error", json_of(row.subspace)},
                 {"projection_loss", json_of(row.loss)}});
  return result;
}

void print(const Experiment::Row& r, std::ostream& out) {
  out << std::setw(7) << r.state << std::setw(7) << r.input << std::setw(10) << r.features
      << std::setprecision(3) << std::setw(11) << r.k.error << std::setw(10) << std::setprecision(6)
      << r.found.spectrum.radius << std::setw(6) << r.found.spectrum.at_one << std::setprecision(3) << "  "
      << std::left << std::setw(11) << r.projected << std::setw(12) << r.regression << std::setw(11)
      << r.subspace << std::setw(15) << r.loss << std::right << name_of(r.found.spectrum.settling)
      << "\n       " << described(r.found) << std::endl;
}

// Plots errors against the number of features.
drawing::Chart figure_of(const std::vector<Experiment::Row>& rows) {
  drawing::Series projected{.label = "eq. 7: V U phi", .style = 0, .x = {}},
      regression{.label = "least squares", .style = 1, .x = {}},
      subspace{.label = "principal coordinates", .style = 2, .x = {}};
  for (const Experiment::Row& row : rows)
    for (const auto& [curve, y] :
         {std::pair{&projected, row.projected}, {&regression, row.regression}, {&subspace, row.subspace}}) {
      curve->x.push_back(double(row.features));
      curve->y.push_back(y);
    }
  return {.title = "Held-out error of the predicted equilibrium",
          .x = {.name = "features"},
          .y = {.name = "relative error", .scale = drawing::Scale::logarithmic},
          .series = {projected, regression, subspace}};
}

}  // namespace

void run_deq_spectrum(const SpectrumRequest& given, std::ostream& out) {
  SpectrumRequest request = given;
  if (request.dictionary == "auto") request.dictionary = "identity";
  const Experiment experiment(request, out);
  out << "the map itself: after " << 10 * request.steps << " steps from 0 its residual is "
      << experiment.residual() << ", and it is " << experiment.distance()
      << " from the solver's z* (relative, held out)\n"
      << "relative error of z* held out; the mean of z* has " << experiment.mean_error() << "; loss of z* "
      << experiment.loss()
      << "\n  state  input  features  fit error    radius  at 1  eq. 7      regression  subspace   "
      << "loss of eq. 7  case\n";
  std::vector<Experiment::Row> rows;
  Json table = Json::array();
  for (const Index size : request.sizes) {
    rows.push_back(experiment.row(size));
    const Experiment::Row& r = rows.back();
    print(r, out);
    table.push_back(json_of(r));
    if (r.state == experiment.directions()) break;  // larger dictionaries are the same
  }
  if (request.output.empty()) return;
  const Experiment::Row& last = rows.back();
  Json result = json_of(last);
  result.update({{"run", path_to_text(request.system)},
                 {"dictionary", request.dictionary},
                 {"tolerance", experiment.tolerance()},
                 {"inputs", request.trajectories},
                 {"held_out", request.held_out},
                 {"steps", request.steps},
                 {"mean_error", experiment.mean_error()},
                 {"solver_loss", experiment.loss()},
                 {"iterated_residual", experiment.residual()},
                 {"iterated_distance", experiment.distance()},
                 {"dictionaries", table}});
  write_spectrum(request.output, "DEQ", last.found, last.k.matrix, last.readout, experiment.tolerance(),
                 std::move(result), out);
  if (last.predicted.defined()) write_npy(request.output / "predictions.npy", last.predicted);
  write_figure(request.output, "prediction", figure_of(rows));
}

}  // namespace stillpoint

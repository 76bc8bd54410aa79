// Prints, draws and writes what the experiment with a trained DEQ's cell shows.
#include <cmath>
#include <iomanip>

#include "tasks/drawing/chart.h"
#include "tasks/io/npy.h"
#include "tasks/spectra/deq_experiment.h"

namespace stillpoint {
namespace {

Json json_of(const DeqExperiment::Row& row) {
  Json result = json_of(row.found);
  result.update({{"state_coordinates", row.state},
                 {"input_coordinates", row.input},
                 {"features", row.features},
                 {"fit_rank", row.k.rank},
                 {"fit_error", row.k.error},
                 {"projection_error", number_or_null(row.projected)},
                 {"regression_error", number_or_null(row.regression)},
                 {"subspace_error", number_or_null(row.subspace)},
                 {"projection_loss", number_or_null(row.loss)}});
  return result;
}

void print(const DeqExperiment::Row& r, std::ostream& out) {
  out << std::setw(7) << r.state << std::setw(7) << r.input << std::setw(10) << r.features
      << std::setprecision(3) << std::setw(11) << r.k.error << std::setw(10) << std::setprecision(6)
      << r.found.spectrum.radius << std::setw(6) << r.found.spectrum.at_one << std::setprecision(3) << "  "
      << std::left << std::setw(11) << r.projected << std::setw(12) << r.regression << std::setw(11)
      << r.subspace << std::setw(15) << r.loss << std::right << name_of(r.found.spectrum.settling)
      << "\n       " << described(r.found) << std::endl;
}

// Plots errors against the number of features.
drawing::Chart figure_of(const std::vector<DeqExperiment::Row>& rows) {
  drawing::Series projected{.label = "eq. 7: V U phi", .style = 0, .x = {}},
      regression{.label = "least squares", .style = 1, .x = {}},
      subspace{.label = "principal coordinates", .style = 2, .x = {}};
  for (const DeqExperiment::Row& row : rows)
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

SpectrumRequest completed(SpectrumRequest request) {
  if (request.dictionary == "auto") request.dictionary = "identity";
  if (request.held_out == 0) request.held_out = 100;
  require(request.dictionary != "kernel",
          "spectrum: given the dictionary kernel for a DEQ, expected identity, monomials or fourier");
  return request;
}

}  // namespace

void run_deq_spectrum(const SpectrumRequest& given, std::ostream& out) {
  const SpectrumRequest request = completed(given);
  const DeqExperiment experiment(request, out);
  out << "the map itself: after " << 10 * request.steps << " steps from 0 its residual is "
      << experiment.residual() << ", and it is " << experiment.distance()
      << " from the solver's z* (relative, held out)\n"
      << "relative error of z* held out; the mean of z* has " << experiment.mean_error() << "; loss of z* "
      << experiment.loss()
      << "\n  state  input  features  fit error    radius  at 1  eq. 7      regression  subspace   "
      << "loss of eq. 7  case\n";
  std::vector<DeqExperiment::Row> rows;
  Json table = Json::array();
  for (const Index size : request.sizes) {
    rows.push_back(experiment.row(size));
    const DeqExperiment::Row& r = rows.back();
    print(r, out);
    table.push_back(json_of(r));
    if (r.state == experiment.directions()) break;  // larger dictionaries are the same
  }
  if (request.output.empty()) return;
  const DeqExperiment::Row& last = rows.back();
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

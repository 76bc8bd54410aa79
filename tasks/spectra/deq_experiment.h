// A trained DEQ's cell as a dynamical system: trajectories, Koopman matrices, and what eq. 7 predicts.
#pragma once
#include <cmath>
#include <ostream>
#include <vector>

#include "solvers/koopman/principal_basis.h"
#include "tasks/settings/registry.h"
#include "tasks/spectra/spectrum_command.h"
#include "tasks/spectra/spectrum_files.h"

namespace stillpoint {

// Holds what does not depend on the dictionary: trajectories and solutions in principal coordinates.
class DeqExperiment {
 public:
  DeqExperiment(SpectrumRequest request, std::ostream& out);
  struct Row {
    Index state = 0, input = 0, features = 0;
    KoopmanEstimate k;
    SpectrumFindings found;
    Tensor readout = {};                    // from features to principal coordinates
    Tensor predicted = {}, regressed = {};  // z* of held-out inputs by eq. 7, and by least squares
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

  SpectrumRequest request_;
  TrainedDeq trained_;
  PrincipalBasis z_, x_;
  std::vector<Tensor> path_;  // z_0, ..., z_steps of the fit in principal coordinates
  Tensor fit_x_, held_out_x_, fit_solution_, held_out_start_;  // in principal coordinates
  Tensor solution_;                                            // z* of held-out inputs, (n, L d)
  double mean_error_ = 0, residual_ = 0, distance_ = 0;
};

// ||a - b|| / ||b||
double relative_distance(const Tensor& a, const Tensor& b);
// Returns z* (n, L d) from the model's own solver, in float64.
Tensor equilibria(const DeqTransformer& model, const Tensor& ids);
// Returns what the task of this checkpoint gives to `spectrum`. Throws Error, in the name of the command, if
// it gives nothing.
const SpectrumSource& spectrum_source(const char* command, const std::filesystem::path& checkpoint);

}  // namespace stillpoint

// Says how far data support a Koopman matrix: residuals of its eigenpairs, and verdicts on resampled data.
#pragma once
#include <functional>
#include <vector>

#include "solvers/koopman/spectrum.h"

namespace stillpoint {

// Rows of z_t and of z_{t+1}, or of their features, and the trajectory of each row, counted from 0.
struct StepPairs {
  Tensor from, to;
  std::vector<Index> trajectory = {};
};
// Returns the pairs of times[t], which has a row per trajectory.
StepPairs step_pairs(const std::vector<Tensor>& times);

// Returns ||w_i^T phi(z_{t+1}) - lambda_i w_i^T phi(z_t)|| / ||w_i^T phi(z_t)|| over all pairs of rows, per
// eigenvalue (ResDMD; Colbrook, Townsend 2024). An eigenvalue with a large residual comes from the dictionary
// and not from the map. Infinite if the eigenfunction vanishes on the data.
std::vector<double> eigenpair_residuals(const Tensor& from, const Tensor& to, const Eigenvalues& eigenvalues,
                                        const ComplexMatrix& left);

// Draws as many trajectories as there are, with repetition, `resamples` times, and returns how often
// `verdict` of the features of z_t and z_{t+1} is `settling`.
Index verdicts_that_hold(const StepPairs& lifted, Settling settling, Index resamples,
                         const std::function<Settling(const Tensor& from, const Tensor& to)>& verdict);

// Returns how many features have the same value in all rows.
Index constant_features(const Tensor& features);

}  // namespace stillpoint

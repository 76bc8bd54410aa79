// Textbook maps whose behaviour is known, and dictionaries that lift their states to features.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "solvers/koopman/spectrum.h"

namespace stillpoint {

// z (n,2) -> f(z) (n,2), one row per state.
struct System {
  std::string name, summary;
  Settling settling;
  std::function<Tensor(const Tensor& z)> map;
  bool linear = true;
};
const std::vector<System>& textbook_systems();
// Throws Error, with the nearest name, if no system has this name.
const System& textbook_system(const std::string& name);

// States (n,d) -> features (n,D), float64.
using Dictionary = std::function<Tensor(const Tensor& states)>;
Dictionary identity_dictionary();
// All products of up to `degree` coordinates, the constant 1 first.
Dictionary monomial_dictionary(Index degree);
// The constant 1 and random Fourier features of a Gaussian kernel, drawn from the seed.
Dictionary fourier_dictionary(Index features, double bandwidth, std::uint64_t seed, Index dimension);

// Kernel EDMD (Williams, Rowley, Kevrekidis 2015): k(z, X) Q S^-1 with k(X, X) = Q S^2 Q^T of the centres X
// (n,d) and k the Gaussian kernel exp(-||x - y||^2 / (2 bandwidth^2)). Singular values S are left out as in
// estimate_koopman, and those that are rounding. If the centres are all z_t, EDMD with these features is
// kernel EDMD.
Dictionary kernel_dictionary(const Tensor& centres, double bandwidth, const KoopmanOptions& options = {});

// Returns z_0, ..., z_steps, each (count,2), of `count` trajectories whose starts are uniform in [-1,1]^2.
std::vector<Tensor> trajectories(const System& system, Index count, Index steps, std::uint64_t seed);

}  // namespace stillpoint

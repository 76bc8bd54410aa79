// The dictionaries that the spectrum command offers.
#pragma once
#include "solvers/koopman/systems.h"
#include "tasks/spectra/spectrum_command.h"

namespace stillpoint {

inline constexpr Index most_features = 3000;

// Returns the request's dictionary for states like the rows of `states` (n,d), which `kernel` centres on: on
// at most `most_centres` of them, evenly chosen. Lengths are in units of `scale`. Throws Error if it would
// have more than most_features.
inline constexpr Index most_centres = 500;
Dictionary dictionary_of(const SpectrumRequest& request, const Tensor& states, double scale);

}  // namespace stillpoint

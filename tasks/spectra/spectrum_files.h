// The files that the spectrum command writes: eigenvalues and their figure.
#pragma once
#include <complex>
#include <filesystem>
#include <ostream>
#include <string>

#include "engine/config.h"
#include "solvers/koopman/spectrum.h"

namespace stillpoint {

// Returns where an eigenvalue lies: one, circle, inside or outside.
const char* place_of(std::complex<double> lambda, double tolerance);

// Writes spectrum.json (`result` and the eigenvalues), eigenvalues.csv and spectrum.{dat,gnuplot,png,svg},
// which shows the unit circle and the eigenvalues by their place (paper, Fig. 2). Reports that on `out`.
void write_spectrum(const std::filesystem::path& folder, const std::string& title,
                    const KoopmanSpectrum& spectrum, double tolerance, Json result, std::ostream& out);

}  // namespace stillpoint

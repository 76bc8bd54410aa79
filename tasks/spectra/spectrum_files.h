// The files that the spectrum command writes: eigenvalues and their figure.
#pragma once
#include <complex>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "engine/config.h"
#include "solvers/koopman/spectrum.h"
#include "tasks/drawing/chart.h"

namespace stillpoint {

// Returns where an eigenvalue lies: one, circle, inside or outside.
const char* place_of(std::complex<double> lambda, double tolerance);

// Draws the unit circle and the eigenvalues by their place (paper, Fig. 2).
drawing::Chart eigenvalue_chart(const std::string& title,
                                const std::vector<std::complex<double>>& eigenvalues, double tolerance);

// Writes spectrum.json (`result` and the eigenvalues), eigenvalues.csv and their chart, spectrum.svg. Reports
// that on `out`.
void write_spectrum(const std::filesystem::path& folder, const std::string& title,
                    const KoopmanSpectrum& spectrum, double tolerance, Json result, std::ostream& out);

}  // namespace stillpoint
